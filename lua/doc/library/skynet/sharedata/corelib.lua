---@meta skynet.sharedata.corelib
-- Made by lua/doc/generate.py out of lua/doc/ref/sharedata-corelib.ref: edit it there.

---What lies below `skynet.sharedata`, for programs that use it directly.
---@class skynet.sharedata.corelib
---@field host table The functions `new(name, t)`, `delete(name)`, `getref(name)`, `markdirty(root)`, `incref(data)` and `decref(data)`.
local corelib = {}

---Makes the object that is read.
---
---* Since 0.1.0.
---@param data table a shared table
---@param name string
---@return table root
function corelib.box(data, name) end

---Has it show another shared table.
---
---* Since 0.1.0.
---@param root table
---@param data table
function corelib.update(root, data) end

---Has all that is in use below it switch now.
---
---* Since 0.1.0.
---@param root table
function corelib.flush(root) end

---Makes a plain copy.
---
---* Since 0.1.0.
---@param data table
---@param ... any keys
---@return any value
function corelib.copy(data, ...) end

return corelib
