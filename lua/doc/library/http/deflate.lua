---@meta http.deflate
-- Made by lua/doc/generate.py out of lua/doc/ref/http-deflate.ref: edit it there.

---Messages of permessage-deflate by zlib, a shared object of its own: raw DEFLATE up to an empty
---stored block, without its last four bytes. What streams hold counts as memory of the service. None
---of these functions waits.
---@class http.deflate
local deflate = {}

---Makes a stream that compresses.
---
---* Raises `N is not from A to B`, `no memory for a deflater`
---* Since 0.1.0, not in skynet.
---@param bits integer 8 to 15: a window of 2^bits bytes
---@param takeover boolean whether it goes on from message to message
---@param level integer 1 to 9
---@param memory integer 1 to 9
---@return userdata deflater `deflater:deflate(text)` returns the compressed bytes, `deflater:close()` frees its memory
function deflate.deflater(bits, takeover, level, memory) end

---Makes a stream that inflates. With takeover it is of no use after a message that it refused.
---
---* Raises `N is not from A to B`, `no memory for an inflater`
---* Since 0.1.0, not in skynet.
---@param bits integer 8 to 15, at least the window of whoever compressed
---@param takeover boolean
---@return userdata inflater `inflater:inflate(bytes, limit)` returns the text; or nil, why, and the status of WebSocket that says so: 1009 for more than limit bytes, 1007 for what is damaged. `inflater:close()` frees its memory
function deflate.inflater(bits, takeover) end

return deflate
