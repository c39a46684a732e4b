---@meta skynet.db.pgsql.parameter
-- Made by lua/doc/generate.py out of lua/doc/ref/pgsql-parameter.ref: edit it there.

---The module is a function: `parameter(value, type, level)` returns whether a parameter is written as
---a text (0) or as bytes (1), and its bytes behind their length. `type` is the server's number of the
---type, or nil; `level` that of the errors.
---@class skynet.db.pgsql.parameter
local parameter = {}

return parameter
