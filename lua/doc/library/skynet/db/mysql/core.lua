---@meta skynet.db.mysql.core
-- Made by lua/doc/generate.py out of lua/doc/ref/mysql-core.ref: edit it there.

---What `skynet.db.mysql` makes of the packets of a server, in C. None of these functions waits.
---@class skynet.db.mysql.core
local core = {}

---Reads what describes a column.
---
---* Raises `mysql: the server sent a column that is none`
---* Since 0.1.0, not in skynet.
---@param packet string
---@return string name
---@return string kind 3 bytes: type, low flags, decimals
---@return string schema
---@return string tab the table
---@return integer type
---@return integer flags
---@return integer charset
---@return integer decimals
function core.column(packet) end

---Reads a number in 1, 3, 4 or 9 bytes.
---
---* Raises `mysql: the server sent no number where one belongs`
---* Since 0.1.0, not in skynet.
---@param packet string
---@param at integer the first byte is 1
---@return integer number
---@return integer behind
function core.number(packet, at) end

---A row of a query.
---
---* Raises `mysql: the server sent a row that does not fit its columns`
---* Since 0.1.0, not in skynet.
---@param packet string
---@param names table of strings
---@param kinds string 3 bytes a column
---@param compact boolean an array, not a table by name
---@return table row
function core.textrow(packet, names, kinds, compact) end

---A row of a prepared statement.
---
---* Raises `mysql: the server sent a row that does not fit its columns`
---* Since 0.1.0, not in skynet.
---@param packet string
---@param names table of strings
---@param kinds string 3 bytes a column
---@param compact boolean an array, not a table by name
---@return table row
function core.binaryrow(packet, names, kinds, compact) end

return core
