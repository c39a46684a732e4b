---@meta skynet.kcp.core
-- Made by lua/doc/generate.py out of lua/doc/ref/kcp-core.ref: edit it there.

---The sessions of `skynet.kcp` in C. A *pool* holds those of a service; it knows sockets by their
---number, and sessions by ids of its own. None of these functions waits, and nothing goes out before
---`core.turn`.
---@class skynet.kcp.core
local core = {}

---Makes a pool. Its peers are told when it is collected.
---
---* Since 0.1.0, not in skynet.
---@return userdata pool
function core.pool() end

---Raises when they are wrong.
---
---* Raises `kcp: option ...`, `kcp: there is no option NAME`
---* Since 0.1.0, not in skynet.
---@param options table|nil
---@param conv? integer
---@param token? string
function core.check(options, conv, token) end

---Makes a listener of it.
---
---* Raises `kcp: the pool has socket N already`, and as `core.check`
---* Since 0.1.0, not in skynet.
---@param pool userdata
---@param socket integer a UDP socket that the pool does not have
---@param options? table
function core.listen(pool, socket, options) end

---Lets a plain listener take a session of this conv.
---
---* Since 0.1.0, not in skynet.
---@param pool userdata
---@param socket integer
---@param conv integer
---@return boolean expected
function core.expect(pool, socket, conv) end

---Ends a listener and its sessions.
---
---* Since 0.1.0, not in skynet.
---@param pool userdata
---@param socket integer
---@return boolean found
function core.unlisten(pool, socket) end

---Begins a session; news of it follow.
---
---* Raises `kcp: the pool has socket N already`, and as `core.check`
---* Since 0.1.0, not in skynet.
---@param pool userdata
---@param socket integer a UDP socket with a default peer
---@param options table|nil
---@param conv integer 0: with a greeting
---@param token string
---@return integer id
function core.connect(pool, socket, options, conv, token) end

---Says where a socket is bound.
---
---* Since 0.1.0, not in skynet.
---@param socket integer
---@return string|nil ip
---@return integer|nil port
function core.local_address(socket) end

---Gives the pool a datagram.
---
---* Since 0.1.0, not in skynet.
---@param pool userdata
---@param socket integer
---@param datagram string
---@param from string as a callback of `skynet.socket` gets it
function core.input(pool, socket, datagram, from) end

---Sends all that is due.
---
---* Since 0.1.0, not in skynet.
---@param pool userdata
---@return integer|nil ms until it wants to be called again; nil: only when something happens
function core.turn(pool) end

---Takes the news of one session.
---
---* Since 0.1.0, not in skynet.
---@param pool userdata
---@return integer|nil id nil: there are none
---@return integer|nil bits 1 open, 2 a message has come, 4 it has ended
---@return string|nil why it has ended
function core.news(pool) end

---Takes a socket that is not needed any more.
---
---* Since 0.1.0, not in skynet.
---@param pool userdata
---@return integer|nil socket
function core.released(pool) end

---Says where a session came from.
---
---* Raises `kcp: there is no session N`
---* Since 0.1.0, not in skynet.
---@param pool userdata
---@param id integer
---@return integer|nil socket the listener's; nil: of a connect
---@return string|nil address `ip:port`
---@return string token
function core.about(pool, id) end

---Appends a message.
---
---* Since 0.1.0, not in skynet.
---@param pool userdata
---@param id integer
---@param data string
---@return boolean taken
---@return string|nil error
function core.send(pool, id, data) end

---Takes a message.
---
---* Raises `kcp: there is no session N`
---* Since 0.1.0, not in skynet.
---@param pool userdata
---@param id integer
---@return string|nil message
---@return boolean|nil turn whether the peer should hear of the room that this made
function core.recv(pool, id) end

---Closes a session: the pool brings away what was sent, and then forgets it.
---
---* Since 0.1.0, not in skynet.
---@param pool userdata
---@param id integer
---@return boolean found
function core.close(pool, id) end

---Reads and changes options.
---
---* Raises `kcp: there is no session N`, and as `core.check`
---* Since 0.1.0, not in skynet.
---@param pool userdata
---@param id integer
---@param changes? table
---@return table options
function core.options(pool, id, changes) end

---Counts of a session.
---
---* Raises `kcp: there is no session N`
---* Since 0.1.0, not in skynet.
---@param pool userdata
---@param id integer
---@return table stats
function core.stats(pool, id) end

---Counts of a listener.
---
---* Since 0.1.0, not in skynet.
---@param pool userdata
---@param socket integer
---@return table|nil stats
function core.port_stats(pool, socket) end

return core
