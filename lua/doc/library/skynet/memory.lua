---@meta skynet.memory
-- Made by lua/doc/generate.py out of lua/doc/ref/memory.ref: edit it there.

---What the process and its services have allocated. The figures of the process are those of jemalloc;
---without it (builds with sanitizers) they are 0 and the log says `No jemalloc`.
---@class skynet.memory
local memory = {}

---What the process has allocated.
---
---* Since 0.1.0.
---@return integer bytes
function memory.total() end

---In how many pieces.
---
---* Since 0.1.0.
---@return integer count
function memory.block() end

---The Lua heaps of all services. Shared code and tables count for none, memory of C modules is in
---`total` only.
---
---* Since 0.1.0.
---@return table list handle to bytes
function memory.info() end

---Writes the same to the log.
---
---* Since 0.1.0.
function memory.dump() end

---The Lua heap of this service.
---
---* Since 0.1.0.
---@return integer bytes
function memory.current() end

---What the allocator has from the system.
---
---* Since 0.1.0.
---@return table figures `stats.allocated`, `stats.resident`, `stats.retained`, `stats.mapped`, `stats.active`
function memory.jestat() end

---A figure of jemalloc.
---
---* Raises `mallctl NAME: WHY`
---* Since 0.1.0.
---@param name string
---@return integer value
function memory.mallctl(name) end

---Writes jemalloc's report to the standard error.
---
---* Since 0.1.0.
---@param options? string as of `malloc_stats_print(3)`
function memory.dumpinfo(options) end

---Writes a heap profile.
---
---* Since 0.1.0.
---@return boolean written false when profiling is off (`MALLOC_CONF=prof:true`)
function memory.dumpheap() end

---Switches the sampling of allocations, or tells whether it is on.
---
---* Since 0.1.0.
---@param on? boolean
---@return boolean active
function memory.profactive(on) end

return memory
