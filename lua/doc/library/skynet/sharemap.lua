---@meta skynet.sharemap
-- Made by lua/doc/generate.py out of lua/doc/ref/sharemap.ref: edit it there.

---A struct of sproto that one service writes and others read.
---@class skynet.sharemap
local sharemap = {}

---Loads the types, once in the process and before writers and readers.
---
---* Raises the errors of `sprotoloader.register`
---* Since 0.1.0.
---@param protofile string file with the schema
function sharemap.register(protofile) end

---Makes the writer.
---
---* Raises `type not found`
---* Since 0.1.0.
---@param typename string
---@param t? table its content
---@return skynet.sharemap.writer writer fields are written like those of a table
function sharemap.writer(typename, t) end

---Makes a reader. Writing to it raises `KEY: a reader cannot be written to`.
---
---* Raises `type not found`
---* Since 0.1.0.
---@param typename string
---@param pointer lightuserdata of `writer:copy()`, for one reader
---@return skynet.sharemap.reader reader fields are read like those of a table
function sharemap.reader(typename, pointer) end

---@class skynet.sharemap.writer
local writer = {}

---Makes what was written the newest version.
---
---* Since 0.1.0.
function writer:commit() end

---Makes a pointer to hand over.
---
---* Since 0.1.0.
---@return lightuserdata pointer for `sharemap.reader` in one other service
function writer:copy() end

---@class skynet.sharemap.reader
local reader = {}

---Shows the newest version from now on.
---
---* Since 0.1.0.
---@return boolean changed
function reader:update() end

return sharemap
