---@meta skynet.codecache
-- Made by lua/doc/generate.py out of lua/doc/ref/codecache.ref: edit it there.

---Lua files are compiled once a process, and their functions exist once for all services. A file that
---was edited takes effect within a second, for services that load it from then on.
---@class skynet.codecache
local codecache = {}

---Loads a file by way of the cache.
---
---* Since 0.1.0.
---@param filename string
---@return function|nil chunk
---@return string why
function codecache.loadfile(filename) end

---Forgets what was compiled.
---
---* Since 0.1.0.
function codecache.clear() end

---Sets how this service uses the cache, or tells it.
---
---* Raises `bad argument #1 to 'mode' (invalid option 'M')`
---* Since 0.1.0.
---@param mode? "ON"|"EXIST"|"OFF" `"EXIST"`: use what is there and add nothing
---@return "ON"|"EXIST"|"OFF"|nil mode nothing when it was set
function codecache.mode(mode) end

return codecache
