---@meta skynet.db.mysql.parameter
-- Made by lua/doc/generate.py out of lua/doc/ref/mysql-parameter.ref: edit it there.

---The module is a function: `execution(...)` returns the parameters of a prepared statement as they
---stand in the request that executes it.
---@class skynet.db.mysql.parameter
local parameter = {}

return parameter
