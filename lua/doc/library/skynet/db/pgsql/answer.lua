---@meta skynet.db.pgsql.answer
-- Made by lua/doc/generate.py out of lua/doc/ref/pgsql-answer.ref: edit it there.

---What a PostgreSQL server says, as results, for `skynet.db.pgsql`; programs have no use for it. Each
---function that reads waits for the server, and raises `pgsql: REASON` when it breaks the protocol.
---@class skynet.db.pgsql.answer
local answer = {}

---What a server says about something that it refuses, or wants to be noticed.
---
---* Since 0.1.0, not in skynet.
---@param body string
---@return table fields of an error or a notice
function answer.report(body) end

---What one answer is read with.
---
---* Since 0.1.0, not in skynet.
---@param self table a client
---@param sock table of a channel
---@param max integer bytes that the answer may have
---@return table reader
function answer.reader(self, sock, max) end

---The next message that is part of the answer.
---
---* Since 0.1.0, not in skynet.
---@async
---@param reader table
---@return string kind
---@return string body
function answer.receive(reader) end

---All results of one request.
---
---* Since 0.1.0, not in skynet.
---@async
---@param reader table
---@param compact boolean
---@param stmt? table the prepared statement whose rows these are
---@return table result
function answer.results(reader, compact, stmt) end

---What a server says of a statement that it has prepared.
---
---* Since 0.1.0, not in skynet.
---@async
---@param reader table
---@return table statement or a bad result
function answer.prepared(reader) end

---The next notification.
---
---* Since 0.1.0, not in skynet.
---@async
---@param reader table
---@return table? event payload, channel, pid
---@return table? bad a bad result, when there is no event
function answer.event(reader) end

return answer
