---@meta skynet.sharetable
-- Made by lua/doc/generate.py out of lua/doc/ref/sharetable.ref: edit it there.

---Tables that all services of this node read, without a copy of their own. They hold tables, strings,
---numbers, booleans, light userdata, and functions without upvalues; keys are no functions or tables,
---there are no metatables, and nesting ends at 150. Writing to one raises
---`attempt to change a shared table`. A version is freed when no service refers to it any more.
---@class skynet.sharetable
local sharetable = {}

---Runs a file in a state of its own and makes its table the new version.
---
---* May wait: the first time
---* Raises the errors of the chunk, and of `sharetable.loadtable`
---* Raises `Invalid parameter type [T]`
---* Since 0.1.0.
---@async
---@param filename string a Lua file that returns a table; it is the name as well
---@param ... nil|boolean|number|lightuserdata|function arguments of the chunk; functions are C functions without upvalues
function sharetable.loadfile(filename, ...) end

---The same with a text.
---
---* May wait: the first time
---* Raises the errors of `sharetable.loadfile`
---* Since 0.1.0.
---@async
---@param name string
---@param source string
---@param ... nil|boolean|number|lightuserdata|function
function sharetable.loadstring(name, source, ...) end

---Makes a copy of a table the new version.
---
---* May wait: the first time
---* Raises `Not a table, it's a T.`, `Can't share metatable`, `Invalid function with upvalue`, `Invalid type [T]`, `Invalid type [T] of a key`
---* Since 0.1.0.
---@async
---@param name string
---@param t table
function sharetable.loadtable(name, t) end

---Returns the shared table.
---
---* Since 0.1.0.
---@param name string
---@return table|nil t the newest version
function sharetable.query(name) end

---Returns several.
---
---* Since 0.1.0.
---@param names? table a list; all if it is nil
---@return table tables name to table
function sharetable.queryall(names) end

---Turns every reference of this service to an older version into one to the newest: in tables,
---upvalues and locals. A subtable that is gone there becomes nil.
---
---* Since 0.1.0.
---@param ... string names
function sharetable.update(...) end

return sharetable
