---@meta http.channels
-- Made by lua/doc/generate.py out of lua/doc/ref/http-channels.ref: edit it there.

---What is known of a function that reads a socket: for those who make such functions themselves, as
---for
---TLS, and want keep-alive and time-outs.
---@class http.channels
local channels = {}

---The function reads from this socket.
---
---* Since 0.1.0, not in skynet.
---@param read function
---@param fd integer
---@param write? function that writes to it, where bytes are not written as they are (TLS)
---@param kept? function that returns how many bytes `read` has taken from the socket and not returned
function channels.note(read, fd, write, kept) end

---Bytes that were read behind a message.
---
---* Since 0.1.0, not in skynet.
---@param read function
---@param bytes string
function channels.unread(read, bytes) end

---Takes them back.
---
---* Since 0.1.0, not in skynet.
---@param read function
---@return string|nil bytes what was unread, once
function channels.rest(read) end

---Whether the connection is silent; 0 for a function that was not noted.
---
---* Since 0.1.0, not in skynet.
---@param read function
---@return integer bytes that have come and that nobody has asked for
function channels.pending(read) end

---Writes to the socket of the function, if it was noted.
---
---* Since 0.1.0, not in skynet.
---@param read function
---@param bytes string
function channels.write(read, bytes) end

---Ends the socket of the function unless `guard:done()` is called within that time.
---
---* Since 0.1.0, not in skynet.
---@param read function
---@param ti integer|false|nil centiseconds
---@return table guard `guard:allow(bytes)` allows the time that so many bytes take at 1,000 a second, `guard:done([last])` ends it; last: nothing more is read
function channels.guard(read, ti) end

return channels
