---@meta skynet.db.pgsql.login
-- Made by lua/doc/generate.py out of lua/doc/ref/pgsql-login.ref: edit it there.

---How `skynet.db.pgsql` begins a session; programs have no use for it.
---@class skynet.db.pgsql.login
---@field ANSWER_MAX integer bytes that an answer of the login may have
local login = {}

---Asks the server to give up what that connection runs.
---
---* Raises the error object of `skynet.socketchannel`
---* Since 0.1.0, not in skynet.
---@async
---@param opts table
---@param key string what the server has said about the connection
function login.cancel(opts, key) end

---Logs in.
---
---* Raises what the server or the login has against it
---* Since 0.1.0, not in skynet.
---@async
---@param ch skynet.socketchannel.channel that has just connected
---@param opts table
---@param exchange function `exchange(bytes, f)` sends and reads with `f(reader)`; nil: only reads
function login.run(ch, opts, exchange) end

return login
