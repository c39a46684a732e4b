---@meta skynet.db.pgsql
-- Made by lua/doc/generate.py out of lua/doc/ref/pgsql.ref: edit it there.

---A client of PostgreSQL. One client is one connection; tasks that share it send their requests as
---they come, without waiting for each other's answers, and get those in the order of the requests. It
---connects again when a request finds the connection lost; the request that was waiting then fails
---with the error object of `skynet.socketchannel`, for nobody knows whether the server has seen it.
---skynet does not have it. For transactions take a connection out of a `skynet.db.pool`: on a shared
---one the statements of other tasks come in between.
---
---What the server refuses is no error that is raised but a *bad result*: `{ badresult = true,
---severity =, code =, message =, ... }` with what else the server says: `detail`, `hint`, `position`,
---`where`, `schema`, `table`, `column`, `datatype`, `constraint`, all of them texts; `fatal = true`
---when the session is over. `err` and `sqlstate` are the message and the code, as in
---`skynet.db.mysql`. A server that breaks the protocol or sends more than it may ends the connection,
---and the request raises a text with `pgsql:` in it.
---
---A password needs `skynet.crypt` or `md5`, TLS `ltls.c`, and so OpenSSL.
---@class skynet.db.pgsql
local pgsql = {}

---@class skynet.db.pgsql.connect.opts
---@field host string an address, or the folder of a unix socket, as `/var/run/postgresql`
---@field port? integer 5432
---@field user string
---@field password? string
---@field database? string the user's name unless it is given
---@field charset? string what texts are written in; `UTF8`
---@field settings? table further settings of the session by name, as `search_path`; texts
---@field allow_cleartext? boolean true: the password goes in full to a server that wants it so
---@field compact_arrays? boolean rows are arrays, not tables by name
---@field on_connect? function `on_connect(db)` runs after each login, before other requests
---@field on_notice? function `on_notice(notice)` is told of notices and warnings, which have the fields of a bad result; it must not wait
---@field on_notify? function `on_notify(channel, payload, pid)` is told of notifications when an answer is read, see `pgsql.watch`; it must not wait
---@field overload? function as that of a channel
---@field answer_max? integer bytes of one answer with all its rows, each of which counts for 64 more; 256 MiB
---@field timeout? integer centiseconds that an answer may take, also one of the login; then the request fails, the connection ends, and the server is asked to give it up. Nil: for ever
---@field ssl? boolean|table true: in TLS or not at all, and the server shows who it is; a table: in TLS with the options of `skynet.db.tls`

---Connects and logs in: by SCRAM-SHA-256, where the server must prove that it knows the password, by
---MD5, or without a password where the server trusts its clients. A password is used as it is: one
---that is not ASCII must be in the normal form NFKC, as the server has it.
---
---* Raises the error object of `skynet.socketchannel` when it cannot connect or log in; the log says why: `socket: auth failed severity:S, code:CODE, msg:TEXT`
---* Raises `pgsql.connect: there is no user`, `pgsql.connect: there is no host`
---* Raises `pgsql.connect: KEY is to be a text without zero bytes, not WHAT`
---* Since 0.1.0, not in skynet.
---@async
---@param opts skynet.db.pgsql.connect.opts
---@return skynet.db.pgsql.client pg
function pgsql.connect(opts) end

---A connection that hears notifications (NOTIFY, pg_notify).
---
---* Raises the errors of `pgsql.connect`
---* Since 0.1.0, not in skynet.
---@async
---@param opts table as for `pgsql.connect`
---@return skynet.db.pgsql.subscriber subscriber
function pgsql.watch(opts) end

---A text as SQL has it, in single quotes. Parameters are the better way.
---
---* Raises `pgsql: a text in SQL has no zero bytes`
---* Since 0.1.0, not in skynet.
---@param s string
---@return string quoted
function pgsql.quote_sql_str(s) end

---The name of a table or a column as SQL has it, in double quotes.
---
---* Raises `pgsql: a name in SQL is not empty and has no zero bytes`
---* Since 0.1.0, not in skynet.
---@param s string
---@return string quoted
function pgsql.quote_name(s) end

---@class skynet.db.pgsql.client
local pg = {}

---Runs statements. A statement without rows has the result `{ command =, affected_rows = }`, one with
---rows an array of them; COPY ... TO STDOUT adds the text as `data`. Several results come as
---`{ multiresultset = true, first, second, ... }`; an error behind the first one adds the fields of a
---bad result to that table.
---
---Booleans are booleans, integers and numbers are numbers, where a `numeric` is an integer or a float:
---cast it to text where every digit counts. A `bytea` is a string of its bytes. Arrays of these and of
---texts are tables. Everything else is a string as the server writes it, NULL is absent.
---
---A parameter is sent as its text, so a string may stand for a value of any type, and a table is an
---array (`n` is its length if there are nils in it). Bytes that are no text go to a `bytea` of a
---prepared statement as they are.
---
---* Raises the error object of `skynet.socketchannel` when the connection is lost
---* Raises `socket: no answer from ADDRESS within N s` with the option timeout
---* Raises `pgsql: a statement is a text without zero bytes`
---* Raises `invalid parameter type T`
---* Raises `pgsql: REASON` when the server breaks the protocol, or wants the data of a COPY
---* Since 0.1.0, not in skynet.
---@async
---@param sql string one or more statements; with parameters one
---@param ...? nil|boolean|number|string|table values for $1, $2 and so on
---@return table result
function pg:query(sql, ...) end

---Prepares a statement. It outlives the connection: after another login it is prepared again when it
---is used.
---
---* Raises the errors of `pg:query`
---* Since 0.1.0, not in skynet.
---@async
---@param sql string one statement with $1, $2 for its parameters
---@return table statement `{ prepare_id =, param_count =, field_count =, params =, fields = }`, or a bad result; `params` are the types by the server's numbers, `fields` have `name`, `type`, `table`
function pg:prepare(sql) end

---Runs a prepared statement.
---
---* Raises `require stmt.param_count N get arg_num M`
---* Raises the errors of `pg:query`
---* Since 0.1.0, not in skynet.
---@async
---@param statement table
---@param ...? nil|boolean|number|string|table one value for each parameter
---@return table result as that of `pg:query`
function pg:execute(statement, ...) end

---Forgets the statement.
---
---* Raises the errors of `pg:query`
---* Since 0.1.0, not in skynet.
---@async
---@param statement table
---@return table result
function pg:stmt_close(statement) end

---Asks whether the server is there.
---
---* Raises the errors of `pg:query`
---* Since 0.1.0, not in skynet.
---@async
---@return table result
function pg:ping() end

---Whether the session has a transaction open, as of the last answer.
---
---* Since 0.1.0, not in skynet.
---@return string state `idle`, `open`, or `failed`: until it is rolled back it takes no statements
function pg:transaction() end

---What the server says that it is.
---
---* Since 0.1.0, not in skynet.
---@return string version
function pg:server_ver() end

---Whether rows are arrays from now on.
---
---* Since 0.1.0, not in skynet.
---@param compact boolean
function pg:set_compact_arrays(compact) end

---Asks the server, on a connection of its own, to give up what it does for this client now. If it does
---so in time, the request gets a bad result with the code `57014`.
---
---* Since 0.1.0, not in skynet.
function pg:cancel() end

---Asks the server to give up what it still does for this client, and closes the connection, for good:
---later requests raise `assertion failed!`.
---
---* Since 0.1.0, not in skynet.
function pg:disconnect() end

---@class skynet.db.pgsql.subscriber
local subscriber = {}

---Hears a channel from now on, also when the connection is made anew.
---
---* May wait: for a connection that was lost
---* Raises the error object of `skynet.socketchannel`
---* Since 0.1.0, not in skynet.
---@async
---@param name string
function subscriber:listen(name) end

---Hears it no longer.
---
---* May wait: for a connection that was lost
---* Raises the error object of `skynet.socketchannel`
---* Since 0.1.0, not in skynet.
---@async
---@param name string
function subscriber:unlisten(name) end

---Waits for the next notification. A connection that is lost is made anew; what was sent meanwhile is
---not heard.
---
---* Raises `pgsql: REASON` when the server breaks the protocol
---* Raises what the server has against a `LISTEN`
---* Raises `channel_closed` or `assertion failed!` after `subscriber:disconnect`
---* Since 0.1.0, not in skynet.
---@async
---@return string payload
---@return string channel
---@return integer pid of the server's process that sent it
function subscriber:message() end

---Closes the connection, for good.
---
---* Since 0.1.0, not in skynet.
function subscriber:disconnect() end

return pgsql
