---@meta skynet.socketdriver
-- Made by lua/doc/generate.py out of lua/doc/ref/socketdriver.ref: edit it there.

---The functions below `skynet.socket`, for services that handle socket messages themselves. Only
---`await` waits; what comes of the others arrives as messages of the type `skynet.PTYPE_SOCKET`.
---@class skynet.socketdriver
local driver = {}

---Begins to connect; a CONNECT or an ERROR message follows.
---
---* Raises `Invalid address A.`, `Invalid port`, `Invalid port in address A.`
---* Since 0.1.0.
---@param addr string
---@param port? integer
---@return integer id -1 when there is no room for one more
function driver.connect(addr, port) end

---Opens a listener, which `driver.start` sets going.
---
---* Raises `Listen error (WHY)`
---* Since 0.1.0.
---@param addr string
---@param port? integer
---@param backlog? integer
---@return integer id
function driver.listen(addr, port, backlog) end

---Makes a socket of a descriptor.
---
---* Since 0.1.0.
---@param fd integer
---@return integer id
function driver.bind(fd) end

---Makes this service the owner, and begins to read or accept.
---
---* Since 0.1.0.
---@param id integer
function driver.start(id) end

---Stops reading until `driver.start`.
---
---* Since 0.1.0.
---@param id integer
function driver.pause(id) end

---Closes after what is written has gone out.
---
---* Since 0.1.0.
---@param id integer
---@param speaking? boolean as `socket.close` has it. Not in skynet
function driver.close(id, speaking) end

---Closes at once.
---
---* Since 0.1.0.
---@param id integer
function driver.shutdown(id) end

---Sends small writes at once (TCP_NODELAY). Of a listener: those of the connections that it accepts
---later.
---
---* Since 0.1.0.
---@param id integer
function driver.nodelay(id) end

---As `socket.write`.
---
---* Since 0.1.0.
---@param id integer
---@param data string|table|lightuserdata|userdata
---@param size? integer
---@return boolean taken
function driver.send(id, data, size) end

---As `socket.lwrite`.
---
---* Since 0.1.0.
---@param id integer
---@param data string|table|lightuserdata|userdata
---@param size? integer
---@return boolean taken
function driver.lsend(id, data, size) end

---As `socket.udp`; each datagram comes as a UDP message.
---
---* Raises `udp init failed (WHY)`, the errors of `driver.connect`
---* Since 0.1.0.
---@param addr? string
---@param port? integer
---@return integer id
function driver.udp(addr, port) end

---As `socket.udp_listen`.
---
---* Raises `udp listen host failed (WHY)`, the errors of `driver.connect`
---* Since 0.1.0.
---@param addr string
---@param port? integer
---@return integer id
function driver.udp_listen(addr, port) end

---As `socket.udp_dial`.
---
---* Raises `udp dial host failed (WHY)`, the errors of `driver.connect`
---* Since 0.1.0.
---@param addr string
---@param port? integer
---@return integer id
function driver.udp_dial(addr, port) end

---As `socket.udp_connect`. An address of the other family (IPv4, IPv6) comes back as an ERROR message,
---`protocol mismatch`.
---
---* Raises `udp connect failed (WHY)`, the errors of `driver.connect`
---* Since 0.1.0.
---@param id integer
---@param addr string
---@param port? integer
function driver.udp_connect(id, addr, port) end

---As `socket.sendto`.
---
---* Raises `Invalid udp address`
---* Since 0.1.0.
---@param id integer
---@param address string
---@param data string|table|lightuserdata|userdata
---@param size? integer
---@return boolean taken
function driver.udp_send(id, address, data, size) end

---As `socket.udp_address`.
---
---* Raises `Invalid udp address`
---* Since 0.1.0.
---@param address string
---@return string ip
---@return integer port
function driver.udp_address(address) end

---As `socket.writelimit`.
---
---* Since 0.1.0, not in skynet.
---@param id integer
---@param bytes? integer
---@param policy? "close"|"error"
---@return integer|false bytes
---@return "close"|"error" policy
function driver.writelimit(id, bytes, policy) end

---What was written and the kernel has not taken yet.
---
---* Since 0.1.0, not in skynet.
---@param id integer
---@return integer bytes 0 when there is no such socket
function driver.queued(id) end

---As `socket.proxy`; nil or an empty text: what is accepted from then on has no header.
---
---* Raises `bad addresses of proxies: WHY`
---* Since 0.1.0, not in skynet.
---@param id integer
---@param addresses? string|table
---@return boolean done true
function driver.proxy(id, addresses) end

---How much of what a connection said may wait for who it was passed on to, before the connection is
---not read any more, see `gateserver.start`. Of a listener: that of the connections it accepts later.
---
---* Since 0.1.0, not in skynet.
---@param id integer
---@param bytes? integer 0: none; nil: `net.backpressure` of the configuration
---@return boolean there false: no such socket
function driver.window(id, bytes) end

---Says that so many bytes from the connection were passed on, in a way that the node does not see. If
---it returns true, `driver.passed(id)` is to be called once they are served.
---
---* Since 0.1.0, not in skynet.
---@param id integer
---@param size integer
---@return boolean marked
function driver.pass(id, size) end

---What `driver.pass` returned true for is served.
---
---* Since 0.1.0, not in skynet.
---@param id integer
function driver.passed(id) end

---The connection is not read until `hold(id, false)`. Other than `pause` and `start` it tells nothing.
---
---* Since 0.1.0, not in skynet.
---@param id integer
---@param hold boolean
function driver.hold(id, hold) end

---As `socket.netstat`.
---
---* Since 0.1.0.
---@return table list
function driver.info() end

---As `socket.resolve`.
---
---* Raises what the system says
---* Since 0.1.0.
---@param host string
---@return table list
function driver.resolve(host) end

---Takes a socket message apart.
---
---* Raises `Invalid socket message`
---* Since 0.1.0.
---@param msg lightuserdata
---@param size integer
---@return integer type DATA 1, CONNECT 2, CLOSE 3, ACCEPT 4, ERROR 5, UDP 6, WARNING 7
---@return integer id
---@return integer ud
---@return lightuserdata|string data a block, which is the caller's from now on, or a text
---@return string address of a UDP message: the sender's
function driver.unpack(msg, size) end

---As `unpack`, but that a datagram comes as a string, and for who passes the block to `push`, `feed`
---or `drop` at once: then it is not lost when memory ends on the way.
---
---* Raises `Invalid socket message`
---* Since 0.1.0, not in skynet.
---@param msg lightuserdata
---@param size integer
---@return integer type
---@return integer id
---@return integer ud
---@return lightuserdata|string data
---@return string address
function driver.receive(msg, size) end

---Makes an empty one.
---
---* Since 0.1.0.
---@return userdata buffer
function driver.buffer() end

---Appends a block.
---
---* Since 0.1.0.
---@param buffer userdata
---@param pool any
---@param block lightuserdata taken
---@param size integer
---@return integer bytes in the buffer
function driver.push(buffer, pool, block, size) end

---Takes bytes out.
---
---* Since 0.1.0.
---@param buffer userdata
---@param pool any
---@param n integer
---@return string|nil data nil when there are fewer bytes
---@return integer left
function driver.pop(buffer, pool, n) end

---Takes all out.
---
---* Since 0.1.0.
---@param buffer userdata
---@param pool? any
---@return string data
function driver.readall(buffer, pool) end

---Takes a line out.
---
---* Raises `empty separator`
---* Since 0.1.0.
---@param buffer userdata
---@param pool any nil: only look
---@param sep string
---@return string|boolean|nil line without the separator; true when it was only looked
function driver.readline(buffer, pool, sep) end

---Empties it.
---
---* Since 0.1.0.
---@param buffer userdata|nil
---@param pool? any
function driver.clear(buffer, pool) end

---Frees a block.
---
---* Since 0.1.0.
---@param block lightuserdata
---@param size integer
function driver.drop(block, size) end

---Copies a string into a block.
---
---* Since 0.1.0.
---@param text string
---@return lightuserdata block the caller's
---@return integer size
function driver.str2p(text) end

---As `socket.header`.
---
---* Raises `Invalid read ...`
---* Since 0.1.0.
---@param bytes string
---@return integer number
function driver.header(bytes) end

---Packets of the socket go into the buffer from now on.
---
---* Raises `the buffer has an inbox`
---* Since 0.1.0, not in skynet.
---@param buffer userdata
---@param id integer
function driver.attach(buffer, id) end

---Ends that.
---
---* Since 0.1.0, not in skynet.
---@param buffer userdata
function driver.detach(buffer) end

---Lets packets take the short way. It is to be called after the protocol of sockets was registered
---with `receive`, and holds until `skynet.dispatch` puts another function in its place.
---
---* Since 0.1.0, not in skynet.
function driver.native() end

---Waits until the buffer holds what is needed, and takes nothing out.
---
---* Raises `assertion failed!` when somebody waits already
---* Since 0.1.0, not in skynet.
---@async
---@param buffer userdata
---@param need string|integer|boolean a separator; a number of bytes, 0 for any news, less for the end; true for whatever comes
---@return boolean there false: the wait ended otherwise, by `wake`
function driver.await(buffer, need) end

---Ends the wait of a reader, so that he sees what has become of the socket.
---
---* Since 0.1.0, not in skynet.
---@param buffer userdata
function driver.wake(buffer) end

---Whether a reader waits.
---
---* Since 0.1.0, not in skynet.
---@param buffer userdata
---@return boolean waits
function driver.waits(buffer) end

---Appends a packet that came as a message.
---
---* Since 0.1.0, not in skynet.
---@param buffer userdata
---@param block lightuserdata taken
---@param size integer
---@return string|nil verdict `pause` or `overflow`, when something is to be done
---@return integer bytes in the buffer
---@return integer limit of the buffer
function driver.feed(buffer, block, size) end

---As `socket.limit`.
---
---* Since 0.1.0, not in skynet.
---@param buffer userdata
---@param n? integer
function driver.limit(buffer, n) end

---Notes that the socket is not read until the next reader comes.
---
---* Since 0.1.0, not in skynet.
---@param buffer userdata
---@param paused? boolean
---@return boolean paused before
function driver.pausing(buffer, paused) end

---Marks a connection: when the node has been asked to stop and its services have done what they do
---then (`skynet.on_stop`), it goes to the next life with these bytes. false: it is not open any more,
---or there is nobody who keeps it meanwhile.
---
---* Since 0.1.0, not in skynet.
---@param id integer
---@param listener integer that accepted the connection
---@param data string at most 64 KiB
---@return boolean kept
function driver.keep(id, listener, data) end

---Takes the connections that the last life kept of a listener of the same address. They are as if it
---had accepted them just now.
---
---* Since 0.1.0, not in skynet.
---@param listener integer
---@return table connections `{ id, address, data }` for each
function driver.resume(listener) end

return driver
