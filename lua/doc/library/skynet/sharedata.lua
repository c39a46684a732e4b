---@meta skynet.sharedata
-- Made by lua/doc/generate.py out of lua/doc/ref/sharedata.ref: edit it there.

---Configuration that all services of this node read, and that follows updates by itself.
---@class skynet.sharedata
local sharedata = {}

---Publishes data under a new name.
---
---* Raises `share data N is existed`
---* Raises `Unknown data type T`
---* Since 0.1.0.
---@async
---@param name string
---@param v table|string|nil a table, Lua source, or `"@file"`. A chunk returns a table, or sets globals
---@param ... any arguments of the chunk
function sharedata.new(name, v, ...) end

---Publishes the next version. Readers see it from their next access after a short while on.
---
---* Raises `Unknown data type T`
---* Since 0.1.0.
---@async
---@param name string
---@param v table|string|nil
---@param ... any
function sharedata.update(name, v, ...) end

---Ends a name. Those who read keep what they have.
---
---* Raises `share data N is not existed`
---* Since 0.1.0.
---@async
---@param name string
function sharedata.delete(name) end

---Returns the data.
---
---* Raises `share data N is not existed`
---* Raises `The key [PATH] doesn't exist after update` later, when a subtable is read that is gone
---* Since 0.1.0.
---@param name string
---@return table data read like a table; writing raises `Error newindex, the key [PATH]`
function sharedata.query(name) end

---Has all data of this service show the newest version now.
---
---* Since 0.1.0.
function sharedata.flush() end

---Copies data, or a part of them.
---
---* Raises `share data N is not existed`
---* Since 0.1.0.
---@param name string
---@param ... any the keys of a path
---@return any value a plain copy; nil when there is no such path
function sharedata.deepcopy(name, ...) end

return sharedata
