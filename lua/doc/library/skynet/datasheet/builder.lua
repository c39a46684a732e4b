---@meta skynet.datasheet.builder
-- Made by lua/doc/generate.py out of lua/doc/ref/datasheet-builder.ref: edit it there.

---Makes and publishes sheets. Keys are strings, or 1 to n; numbers are integers of 32 bits, others
---lose precision (they are kept as 32-bit floats); strings hold no NUL.
---@class skynet.datasheet.builder
local builder = {}

---Publishes a sheet under a new name.
---
---* Raises `the datasheet is there already`
---* Raises the errors of `builder.compile`
---* Since 0.1.0.
---@async
---@param name string
---@param v table|string a table, or what `compile` returned
function builder.new(name, v) end

---Publishes the next version.
---
---* Raises the errors of `builder.compile`
---* Since 0.1.0.
---@async
---@param name string
---@param v table|string
function builder.update(name, v) end

---Turns a table into the bytes of a sheet.
---
---* Raises `Invalid key K: a datasheet has string keys and 1..n`, `Unsupport value type T`, `a string in a datasheet cannot hold a NUL`, `tables are nested too deep for a datasheet`
---* Since 0.1.0.
---@param t table
---@return string bytes
function builder.compile(t) end

return builder
