---@meta skynet.db.mysql
-- Made by lua/doc/generate.py out of lua/doc/ref/mysql.ref: edit it there.

---A client of MySQL and MariaDB. One client is one connection; tasks that share it get their answers
---in the order of their requests. It connects again when a request finds the connection lost; the
---request that was waiting then fails with the error object of `skynet.socketchannel`, for nobody
---knows whether the server has seen it.
---
---What the server refuses is no error that is raised but a *bad result*: `{ badresult = true, errno =,
---err =, sqlstate = }`. A server that breaks the protocol or sends more than it may ends the
---connection, and the request raises a text that begins with `mysql:`. Files of this machine are never
---sent (no LOCAL INFILE).
---
---A password needs `skynet.crypt`, TLS `ltls.c`, and so OpenSSL.
---@class skynet.db.mysql
local mysql = {}

---@class skynet.db.mysql.connect.opts
---@field host string
---@field port? integer 3306
---@field user? string
---@field password? string
---@field database? string
---@field charset? string such as `utf8mb4`, `utf8`, `latin1`, `gbk`, `binary`; the server's own unless it is given
---@field max_packet_size? integer told to the server; 1 MiB
---@field compact_arrays? boolean rows are arrays, not tables by name
---@field on_connect? function `on_connect(db)` runs after each login, before other requests
---@field overload? function as that of a channel
---@field answer_max? integer bytes of one answer with all its rows, each of which counts for 64 more; 256 MiB. Not in skynet
---@field timeout? integer centiseconds that an answer may take, also one of the login; then the request fails and the connection ends. Nil: for ever. Not in skynet
---@field server_public_key? string the server's RSA key (PEM), for caching_sha2_password. Not in skynet
---@field get_server_public_key? boolean true: trust the key that the server sends. Not in skynet
---@field ssl? boolean|table true: in TLS or not at all, and the server shows who it is; a table: in TLS with the options of `skynet.db.tls`. Not in skynet
---@field allow_cleartext? boolean true: the whole password goes in TLS to a server that has not shown who it is. Not in skynet

---Connects and logs in, with mysql_native_password or caching_sha2_password. The latter sends the
---whole password when the server has not seen it for a while: within TLS, or encrypted for the
---server's key, so it wants to know which key is the right one.
---
---* Raises the error object of `skynet.socketchannel` when it cannot connect or log in; the log says why: `socket: auth failed errno:N, msg:TEXT,sqlstate:STATE`
---* Raises `mysql.connect: there is no host`
---* Raises `mysql.connect: unknown charset 'NAME'`
---* Raises `mysql.connect: KEY is to be a text without zero bytes, not WHAT`
---* Since 0.1.0.
---@async
---@param opts skynet.db.mysql.connect.opts
---@return skynet.db.mysql.client my
function mysql.connect(opts) end

---A text as SQL has it, in single quotes. Not for the character sets big5, gbk, gb18030 and sjis,
---where a backslash may be half a character: use a prepared statement there.
---
---* Since 0.1.0.
---@param s string
---@return string quoted
function mysql.quote_sql_str(s) end

---@class skynet.db.mysql.client
local my = {}

---Runs statements. A statement without rows has the result `{ affected_rows =, insert_id =,
---server_status =, warning_count =, message = }`; one with rows an array of them. Several results come
---as `{ multiresultset = true, first, second, ... }`; an error behind the first one adds the fields of
---a bad result to that table.
---
---Integers, real numbers, decimals and years are numbers, where decimals and integers above 2^63 - 1
---become floats; everything else is a string, NULL is absent.
---
---* Raises the error object of `skynet.socketchannel` when the connection is lost
---* Raises `socket: no answer from ADDRESS within N s` with the option timeout
---* Raises `mysql: REASON` when the server breaks the protocol
---* Since 0.1.0.
---@async
---@param sql string one or more statements
---@return table result
function my:query(sql) end

---Prepares a statement. It outlives the connection: after another login it is prepared again when it
---is used.
---
---* Raises the errors of `my:query`
---* Since 0.1.0.
---@async
---@param sql string one statement with ? for its parameters
---@return table statement `{ prepare_id =, param_count =, field_count =, warning_count =, params =, fields = }`, or a bad result
function my:prepare(sql) end

---Runs a prepared statement. Its rows have the values of `my:query`, but an unsigned integer above
---2^63 - 1 is the negative integer of the same bits.
---
---* Raises `require stmt.param_count N get arg_num M`
---* Raises `invalid parameter type T`
---* Raises the errors of `my:query`
---* Since 0.1.0.
---@async
---@param statement table
---@param ...? nil|boolean|number|string one value for each parameter
---@return table result as that of `my:query`; several results have the key `mulitresultset`
function my:execute(statement, ...) end

---Forgets what the server keeps of the last execution.
---
---* Raises the errors of `my:query`
---* Since 0.1.0.
---@async
---@param statement table
---@return table result
function my:stmt_reset(statement) end

---Forgets the statement. There is no answer.
---
---* Since 0.1.0.
---@param statement table
function my:stmt_close(statement) end

---Asks whether the server is there.
---
---* Raises the errors of `my:query`
---* Since 0.1.0.
---@async
---@return table result
function my:ping() end

---Whether the session has a transaction open, as of the last answer that was no error.
---
---* Since 0.1.0, not in skynet.
---@return string state `idle` or `open`
function my:transaction() end

---What the server says that it is.
---
---* Since 0.1.0.
---@return string version
function my:server_ver() end

---Whether rows are arrays from now on.
---
---* Since 0.1.0.
---@param compact boolean
function my:set_compact_arrays(compact) end

---Closes the connection, for good: later requests raise `assertion failed!`.
---
---* Since 0.1.0.
function my:disconnect() end

return mysql
