---@meta skynet.stm
-- Made by lua/doc/generate.py out of lua/doc/ref/stm.ref: edit it there.

---Bytes that one service writes and others read. The objects are called like functions.
---@class skynet.stm
local stm = {}

---Makes a writer.
---
---* Since 0.1.0.
---@param data string|lightuserdata a block is taken
---@param size? integer
---@return fun(data:string|lightuserdata,size:integer?) writer `writer(data [, size])` publishes the next version
function stm.new(data, size) end

---Makes a pointer to hand over.
---
---* Since 0.1.0.
---@param writer userdata
---@return lightuserdata pointer for `stm.newcopy` in one other service
function stm.copy(writer) end

---Makes a reader.
---
---* Since 0.1.0.
---@param pointer lightuserdata
---@return fun(f:function,ud:any):boolean reader `reader(f [, ud])` returns true and the results of `f(msg, size, ud)` when there is a version that it has not read, else false
function stm.newcopy(pointer) end

return stm
