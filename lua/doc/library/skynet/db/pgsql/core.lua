---@meta skynet.db.pgsql.core
-- Made by lua/doc/generate.py out of lua/doc/ref/pgsql-core.ref: edit it there.

---What `skynet.db.pgsql` makes of the bytes of a server, in C. None of these functions waits.
---@class skynet.db.pgsql.core
local core = {}

---What a connection has received and nobody has taken.
---
---* Since 0.1.0, not in skynet.
---@return any decoder
function core.decoder() end

---Adds what has come.
---
---* Since 0.1.0, not in skynet.
---@param decoder any
---@param bytes string
function core.feed(decoder, bytes) end

---The answer that begins now may have so many bytes, and 64 less for each message.
---
---* Since 0.1.0, not in skynet.
---@param decoder any
---@param max integer
function core.begin(decoder, max) end

---Takes the next message.
---
---* Raises `pgsql: the server sent a message of an impossible size`
---* Raises `pgsql: an answer is larger than N bytes (answer_max)`
---* Since 0.1.0, not in skynet.
---@param decoder any
---@return string? kind one letter; nil: the message is not there yet
---@return string|integer body or how many bytes it lacks at least
function core.next(decoder) end

---Takes the rows that are there, up to the first message that is none.
---
---* Raises `pgsql: the server sent a row that does not fit its columns`
---* Raises `pgsql: the server sent a value that is none of its type`
---* Since 0.1.0, not in skynet.
---@param decoder any
---@param rows table
---@param n integer rows that are in it
---@param names table of strings
---@param kinds string a letter for each column
---@param compact boolean rows are arrays, not tables by name
---@return integer n
function core.rows(decoder, rows, n, names, kinds, compact) end

---Reads what describes the columns of a result.
---
---* Raises `pgsql: the server sent columns that are none`
---* Raises `pgsql: a result of N columns`
---* Since 0.1.0, not in skynet.
---@param body string
---@return table names
---@return string kinds a letter for each: `b`oolean, `i`nteger, `f`loat, `n`umeric, `x` for bytes, `s`tring; the capital for an array of them
---@return table columns of `{ name =, table =, type = }`
function core.columns(body) end

return core
