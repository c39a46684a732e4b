---@meta skynet.socket
-- Made by lua/doc/generate.py out of lua/doc/ref/socket.ref: edit it there.

---Sockets for code that reads as if it waited. One task at a time may read from a socket. Of what
---nobody reads half a MiB is kept here; the rest stays in the kernel, so that the peer is slowed down.
---@class skynet.socket
local socket = {}

---Connects. The name is resolved without blocking a worker.
---
---* Raises `Invalid address A.`, `Invalid port`, `Invalid port in address A.`
---* Since 0.1.0.
---@async
---@param addr string host name or address; without a port `"host:port"` or `"[v6]:port"`
---@param port? integer
---@return integer|nil id
---@return string why when it failed: what the system says, or `reach skynet socket number limit`
function socket.open(addr, port) end

---Opens a listener. Nothing is accepted before `socket.start(id, accept)`.
---
---* Raises `Listen error (WHY)`
---* Since 0.1.0.
---@async
---@param host string `"0.0.0.0"` for all addresses; without a port `"host:port"`
---@param port? integer 0: the system chooses
---@param backlog? integer so many connections wait to be accepted; 4096 if it is nil, as far as the kernel lets it (`net.core.somaxconn`)
---@param manner? string `"reuseport"`: others that say so too may listen on the same port, in this node or another process, and the system spreads the connections among them; `"alone"` if it is nil
---@return integer id
---@return string address
---@return integer port the actual one
function socket.listen(host, port, backlog, manner) end

---Makes this service the owner of a socket and begins to read, or to accept. Who accepts a connection
---starts it, or hands the number to another service that does.
---
---* Raises `socket is not closed` when this service has it already
---* Raises `socket has onclose callback`
---* Since 0.1.0.
---@async
---@param id integer
---@param accept? function `accept(id, address)` for each connection of a listener, in a task of its own
---@return integer|nil id
---@return string why
function socket.start(id, accept) end

---Makes a socket of a descriptor that exists. Closing the socket leaves the descriptor open.
---
---* Since 0.1.0.
---@async
---@param fd integer a file descriptor of the process
---@return integer|nil id
---@return string why
function socket.bind(fd) end

---Makes a socket of the standard input.
---
---* Since 0.1.0.
---@async
---@return integer|nil id
---@return string why
function socket.stdin() end

---Closes a socket. What was written before still goes out. A reader wakes up and gets what is left.
---If bytes of the peer lie unread in the kernel, or `speaking` is true, the connection is shut in our
---direction and what comes is thrown away until the peer ends, too, for 2 seconds at most: otherwise a
---reset would take away what the peer has not read yet. This happens in the background.
---
---* May wait: until the close is done, if it is open
---* Since 0.1.0.
---@async
---@param id integer
---@param speaking? boolean true: the peer may be sending yet. Not in skynet
function socket.close(id, speaking) end

---Closes a socket at once; what waits to be written is lost. `socket.close` is needed afterwards.
---
---* Since 0.1.0.
---@param id integer
function socket.shutdown(id) end

---Closes a connection that was accepted and not started.
---
---* Raises `Use socket.close instead`
---* Since 0.1.0.
---@param id integer of a connection that this service has not started
function socket.close_fd(id) end

---Forgets a socket without closing it: another service starts it.
---
---* Since 0.1.0.
---@param id integer
function socket.abandon(id) end

---Whether the peer has closed the connection or it failed.
---
---* Since 0.1.0.
---@param id integer
---@return boolean|nil gone nil when this service does not have the socket
function socket.disconnected(id) end

---How many bytes have come that nobody has read.
---
---* Since 0.1.0, not in skynet.
---@param id integer
---@return integer|nil bytes nil when this service does not have the socket
function socket.unread(id) end

---Whether this service does not have the socket.
---
---* Since 0.1.0.
---@param id integer
---@return boolean unknown
function socket.invalid(id) end

---Has a function called when the connection ends.
---
---* Since 0.1.0.
---@param id integer
---@param callback function|nil `callback(id)`
function socket.onclose(id, callback) end

---Reads bytes.
---
---* May wait: if that much is not there yet
---* Raises `assertion failed! no socket N is open in this service`
---* Raises `assertion failed! another task reads socket N already`
---* Raises `socket ID listens for connections: there is nothing to read`
---* Since 0.1.0.
---@async
---@param id integer
---@param n? integer bytes; without it whatever there is, at least one byte
---@return string|false data false when the connection ended before
---@return string rest what was there in that case
function socket.read(id, n) end

---Reads to the separator. A line of more than 16 MiB ends the connection, unless `socket.limit` allows
---it.
---
---* May wait: if the line is not there yet
---* Raises the errors of `socket.read`
---* Since 0.1.0.
---@async
---@param id integer
---@param sep? string what ends a line; `"\n"` if it is nil
---@return string|false line without the separator; false when the connection ended before
---@return string rest
function socket.readline(id, sep) end

---Reads until the peer closes the connection.
---
---* May wait: as long as the connection is open
---* Raises the errors of `socket.read`
---* Since 0.1.0.
---@async
---@param id integer
---@return string|false data false when there was nothing
function socket.readall(id) end

---Waits until something arrives, and reads nothing.
---
---* Raises the errors of `socket.read`
---* Since 0.1.0.
---@async
---@param id integer
---@return boolean arrived false when the connection ended
function socket.block(id) end

---Stops reading until the next read: what the peer sends waits in the kernel.
---
---* Since 0.1.0.
---@async
---@param id integer
function socket.pause(id) end

---Sets how much may wait to be read. More ends the connection, with a line in the log.
---
---* Raises `assertion failed! no socket N is open in this service`
---* Since 0.1.0.
---@param id integer
---@param n integer|nil bytes
function socket.limit(id, n) end

---The clients of this listener come through a proxy (haproxy's `send-proxy` or `send-proxy-v2`,
---nginx's `proxy_protocol`) which says before their first byte whose connection it is: the PROXY
---protocol, version 1 or 2. The address that the accept function gets, and `socket.netstat` shows, is
---the client's. Connections from other addresses, and those whose header is wrong or does not come in
---5 seconds, are closed, with a line in the log once a second. Connections of the proxy's own (LOCAL,
---UNKNOWN) have the proxy's address.
---
---* Raises `assertion failed! no socket N is open in this service`
---* Raises `bad addresses of proxies: WHY`
---* Since 0.1.0, not in skynet.
---@param id integer a listener, before `socket.start`
---@param addresses string|table `"10.0.0.0/8, 127.0.0.1"`, or a list of such texts; `unix` stands for peers of a unix socket; `""`: no proxy any more
function socket.proxy(id, addresses) end

---Writes. It never waits: what the kernel does not take waits in memory, up to `net.write_queue` (16
---MiB), where the policy `net.write_policy` closes the connection or refuses the write. One write into
---an empty queue is taken whatever its size.
---
---* Raises `Invalid strings table`
---* Since 0.1.0.
---@param id integer
---@param data string|table|lightuserdata|userdata a table of strings goes out in one piece; a block is taken
---@param size? integer of a block
---@return boolean taken false when there is no such socket, it closes, or what waits has reached its bound
function socket.write(id, data, size) end

---The same, behind all that `socket.write` has written and will write while it waits.
---
---* Since 0.1.0.
---@param id integer
---@param data string|table|lightuserdata|userdata
---@param size? integer
---@return boolean taken
function socket.lwrite(id, data, size) end

---Sets what may wait to be written, for this socket, or only returns it. The bound of a listener is
---that of the connections it accepts later.
---
---* Since 0.1.0, not in skynet.
---@param id integer
---@param bytes? integer most bytes that wait for the peer; 0: as configured
---@param policy? "close"|"error"
---@return integer|false bytes false when there is no such socket
---@return "close"|"error" policy
function socket.writelimit(id, bytes, policy) end

---Has a function called when much waits to be written: at 1 MiB, and at each doubling.
---
---* Raises `assertion failed! no socket N is open in this service`
---* Since 0.1.0.
---@param id integer
---@param callback function|nil `callback(id, kib)`; 0 when all has gone out
function socket.warning(id, callback) end

---The number in a header.
---
---* Raises `Invalid read ...`
---* Since 0.1.0.
---@param bytes string 1 to 4 bytes, the high one first
---@return integer number
function socket.header(bytes) end

---Opens a UDP socket and binds it.
---
---* Raises `udp init failed (WHY)`
---* Raises `Invalid address A.`, `Invalid port`, `Invalid port in address A.`
---* Since 0.1.0.
---@param callback function|nil `callback(datagram, from)`, in a task of its own
---@param host? string nil: bound to nothing, IPv4, the kernel chooses a port at the first send
---@param port? integer 0: the kernel chooses
---@return integer id
function socket.udp(callback, host, port) end

---The same, with a port that may not be 0.
---
---* Raises `udp listen host failed (WHY)`
---* Since 0.1.0.
---@param addr string
---@param port integer|nil nil: `addr` holds it
---@param callback function|nil
---@return integer id
function socket.udp_listen(addr, port, callback) end

---Opens one that sends to a host by `socket.write`. Datagrams of others come, too. A name is looked
---up, which blocks the worker.
---
---* Raises `udp dial host failed (WHY)`
---* Since 0.1.0.
---@param addr string
---@param port integer|nil
---@param callback function|nil
---@return integer id
function socket.udp_dial(addr, port, callback) end

---Sets whom `socket.write` sends to. Also for an id that was made by `skynet.socketdriver`.
---
---* Raises `udp connect failed (WHY)`
---* Since 0.1.0.
---@param id integer
---@param addr string
---@param port? integer
---@param callback? function nil: as it is
function socket.udp_connect(id, addr, port, callback) end

---Sends one datagram, which may be empty. What the kernel refuses is dropped, with a line in the log
---at most once a second.
---
---* Raises `Invalid udp address`, `Invalid strings table`
---* Since 0.1.0.
---@param id integer
---@param address string as a callback gets it
---@param data string|table|lightuserdata|userdata a table of strings is one datagram; a block is taken
---@param size? integer of a block
---@return boolean taken false when there is no such socket, it closes, `address` is of the other family, `data` is longer than 65507 bytes (IPv6: 65527), or much waits already
function socket.sendto(id, address, data, size) end

---Takes an address apart.
---
---* Raises `Invalid udp address`
---* Since 0.1.0.
---@param address string
---@return string ip
---@return integer port
function socket.udp_address(address) end

---All sockets of the process. `wlimit`, `wrefused`, `wpolicy` and `waiting` are not in skynet, nor is
---what a UDP socket has besides.
---
---* Since 0.1.0.
---@return table list of `{ id, address, type, peer, read, write, rtime, wtime, reading, writing }` with `wbuffer`, `wlimit`, `wrefused`, `wpolicy` and `waiting` (who serves it has to catch up), and of `{ id, address, type, sock, accept, rtime }` for listeners; a UDP socket has `sock`, too, and how many datagrams could not be sent, `wdropped`, and came faster than they were taken, `rdropped`
function socket.netstat() end

---Resolves a name. It blocks the worker until the answer is there.
---
---* Raises what the system says
---* Since 0.1.0.
---@param host string
---@return table list of addresses
function socket.resolve(host) end

return socket
