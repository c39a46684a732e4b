---@meta skynet.kcp
-- Made by lua/doc/generate.py out of lua/doc/ref/kcp.ref: edit it there.

---Messages in order and without loss over UDP. Where datagrams get lost a connection of TCP stands
---still until the lost one has come again, and waits long before it asks; KCP sends early and often,
---for more bytes and less delay. The wire is that of the KCP that many mobile games speak: 24 bytes of
---header, commands 81 to 84. skynet does not have this module.
---
---
---
---A session belongs to the service that has it, as a socket does. What is sent in one turn of a
---service goes out behind it, in as few datagrams as hold it. A service has one timer for all of its
---sessions, for the next thing that is due: sessions without traffic wake it for a sign of life in ten
---seconds, and for nothing else.
---@class skynet.kcp
local kcp = {}

---Accepts sessions. They have the listener's options.
---
---* Raises `udp init failed (WHY)`, and what `socket.udp` raises
---* Raises `kcp: option ...`, `kcp: there is no option NAME`
---* Since 0.1.0, not in skynet.
---@param host string
---@param port integer|nil 0: the kernel chooses; nil: `host` holds it
---@param handler function `handler(id, "ip:port", token)`, in a task of its own for each session; when it raises, the session is closed and the log has a line
---@param options? table
---@return integer listener a negative number
---@return string ip
---@return integer port
function kcp.listen(host, port, handler, options) end

---@class skynet.kcp.connect.options
---@field token? string at most 512 bytes, which the handler of the listener gets
---@field conv? integer the number of a plain session, that both ends know; 1 to 4294967295

---Opens a session, on a socket of its own.
---
---* Raises `kcp: option ...`, `kcp: there is no option NAME`
---* Since 0.1.0, not in skynet.
---@async
---@param host string a name is looked up, which blocks the worker
---@param port integer|nil nil: `host` holds it
---@param options? skynet.kcp.connect.options
---@return integer|nil id
---@return string|nil error `connect timed out`, `refused: the listener has all its sessions`, `refused: too many sessions of this address`, or why there is no socket
function kcp.connect(host, port, options) end

---Lets a client come with this conv, once, within the listener's `idle` time.
---
---* Raises `bad argument #2 to 'expect' (1 to 4294967295 expected, got ...)`
---* Since 0.1.0, not in skynet.
---@param listener integer with `plain` and `expected`
---@param conv integer 1 to 4294967295
---@return boolean expected false: there is no such listener, or as many are expected as it may have sessions
function kcp.expect(listener, conv) end

---Sends a message. It arrives, or the session ends.
---
---* Since 0.1.0, not in skynet.
---@param id integer
---@param data string
---@return boolean taken
---@return string|nil error `the queue of what waits to be sent is full`, `the message is too large`, `there is no such session`, or why it has ended
function kcp.send(id, data) end

---The next message. Those that came before the end of a session can be taken after it.
---
---* Raises `kcp: no session N is open in this service`
---* Raises `kcp: another task reads session N already`
---* Since 0.1.0, not in skynet.
---@async
---@param id integer
---@param ti? integer centiseconds to wait at most, as in `skynet.sleep`; nil: for ever
---@return string|false message
---@return string|nil why `timeout`, `closed`, `closed by the peer`, `the peer is silent`, `the peer does not answer`, `the listener is closed`, or which rule of KCP the peer has broken
function kcp.recv(id, ti) end

---Bytes of a stream, without regard to messages.
---
---* Raises as `kcp.recv`
---* Since 0.1.0, not in skynet.
---@async
---@param id integer
---@param n? integer of bytes; nil: what there is, at least one
---@return string|false bytes false when the session ends before there are as many
---@return string|nil rest what there was
---@return string|nil why
function kcp.read(id, n) end

---Closes. What was sent goes out still, for five seconds at most, and then the peer is told, unless
---the session is plain. Nothing happens when there is no such session.
---
---* Since 0.1.0, not in skynet.
---@param id integer a session, or a listener with all its sessions
function kcp.close(id) end

---Whether a session has ended and waits to be closed.
---
---* Since 0.1.0, not in skynet.
---@param id integer
---@return boolean|nil ended nil: there is no such session in this service
function kcp.disconnected(id) end

---Says where the peer is.
---
---* Raises `kcp: no session N is open in this service`
---* Since 0.1.0, not in skynet.
---@param id integer
---@return string|nil address `ip:port` of the peer, now; nil: a plain one from which nothing has come
function kcp.address(id) end

---Reads and changes the options of a session.
---
---* Raises `kcp: option NAME cannot be changed on a session`, and what `kcp.connect` raises
---* Since 0.1.0, not in skynet.
---@param id integer
---@param changes? table any of `mtu` to `message_max` above; the windows and the mtu count for what is sent from now on
---@return table options all of them, as they are now
function kcp.options(id, changes) end

---Counts of what has happened.
---
---* Raises `kcp: no session N is open in this service`, `kcp: no listener N is open in this service`
---* Since 0.1.0, not in skynet.
---@param id integer a session or a listener
---@return table stats of a session `state`, `peer`, `why`, and with KCP `conv`, `rtt`, `rttvar`, `rto` (ms), `queued`, `in_flight` (segments), `to_read` (messages), `peer_window`, `memory` (bytes), `datagrams_in`, `datagrams_out`, `bytes_in`, `bytes_out`, `segments_in`, `segments_out`, `late` and `early` (sent again after and before their time), `along` (with later ones), `twice`, `outside` (of the window), `rejected`; of a listener `sessions`, `addresses`, `unanswered`, `expected`, `refused`, `strays` (datagrams of no session), `moved`
function kcp.stats(id) end

return kcp
