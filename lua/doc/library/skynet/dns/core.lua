---@meta skynet.dns.core
-- Made by lua/doc/generate.py out of lua/doc/ref/dns-core.ref: edit it there.

---What `skynet.dns` stands on: one question to name servers, without sockets. It says what is wanted
---of sockets, which are numbers to it, and is told what came. None of these functions waits.
---@class skynet.dns.core
local core = {}

---Begins a question.
---
---* Since 0.1.0, not in skynet.
---@param servers string `"10.0.0.1:53,[::1]:53"`
---@param name string
---@param ipv6 boolean
---@param timeout_ms integer of the first round; each takes twice as long as the one before
---@param tries integer rounds
---@return userdata|nil lookup
---@return string why
function core.lookup(servers, name, ipv6, timeout_ms, tries) end

---Takes the next of what is to be done: open a socket to a server, send, close.
---
---* Since 0.1.0, not in skynet.
---@return string|nil what `udp`, `tcp`, `send` or `close`; nil: nothing more
---@return integer socket
---@return string ip of the server, or the bytes to be sent
---@return integer port
function lookup:action() end

---Hands in what came.
---
---* Since 0.1.0, not in skynet.
---@param socket integer
---@param bytes string
---@param address? string the sender of a datagram; others than the server's are nobody's
function lookup:received(socket, bytes, address) end

---Says that a socket has failed or its stream has ended.
---
---* Since 0.1.0, not in skynet.
---@param socket integer
function lookup:broken(socket) end

---Takes what came, and the time.
---
---* Since 0.1.0, not in skynet.
---@return integer|nil ms when to call it again at the latest; nil: the question is finished
function lookup:process() end

---The outcome.
---
---* Since 0.1.0, not in skynet.
---@param ipv6 boolean as in `lookup`
---@return table|nil list of addresses
---@return integer|string ttl in seconds, or why there is none
---@return boolean bad whether the name is none that could be asked
function lookup:answer(ipv6) end

---Gives the question up.
---
---* Since 0.1.0, not in skynet.
function lookup:close() end

return core
