---@meta skynet.netpack
-- Made by lua/doc/generate.py out of lua/doc/ref/netpack.ref: edit it there.

---What a gate does with the socket messages of its clients. `snax.gateserver` is made of it.
---@class skynet.netpack
local netpack = {}

---Takes a message and says what it means.
---
---* Raises `Invalid socket message`
---* Since 0.1.0.
---@param queue userdata|nil what the last call returned
---@param msg lightuserdata a socket message
---@param size integer
---@return userdata queue
---@return string|nil event `"data"` (fd, msg, size), `"more"`, `"open"` (fd, address), `"close"` (fd), `"error"` (fd, why), `"warning"` (fd, kib), `"init"` (fd, address, port); nil when no frame is complete
---@return any ...
function netpack.filter(queue, msg, size) end

---Takes the next frame out, after `"more"`.
---
---* Since 0.1.0.
---@param queue userdata
---@return integer|nil fd nothing when there is none
---@return lightuserdata msg the caller's
---@return integer size
function netpack.pop(queue) end

---Puts the length in front.
---
---* Raises `Invalid size (too long) of data : N` for more than 65,535 bytes
---* Since 0.1.0.
---@param msg string|lightuserdata stays the caller's
---@param size? integer
---@return lightuserdata frame for `driver.send`, which takes it
---@return integer size
function netpack.pack(msg, size) end

---Copies a frame into a string and frees it.
---
---* Since 0.1.0.
---@param msg lightuserdata
---@param size integer
---@return string text
function netpack.tostring(msg, size) end

---For a gate that hands its clients over.
---
---* Since 0.1.0, not in skynet.
---@param queue userdata|nil
---@param fd integer
---@return string bytes that are there of an unfinished frame of this socket, with its length
function netpack.rest(queue, fd) end

---The next frame of the socket begins with these bytes.
---
---* Since 0.1.0, not in skynet.
---@param queue userdata|nil
---@param fd integer
---@param bytes string
---@return userdata queue
function netpack.feed(queue, fd, bytes) end

---Frees the frames that wait.
---
---* Since 0.1.0.
---@param queue userdata|nil
function netpack.clear(queue) end

return netpack
