-- SPDX-License-Identifier: MIT
-- skynet.db.pgsql: a client of PostgreSQL, protocol 3, over a channel.
--
-- A request is one function that reads all messages of its answer, up to the one that says that the
-- server is ready; the channel runs them in order, and requests of many tasks are on their way at
-- once. Messages are found and rows become tables in C (skynet.db.pgsql.core). What a server may
-- send is limited: an answer has at most `answer_max` bytes; anything else ends the connection, and
-- the request raises why.
local socket = require "skynet.socket"
local socketchannel = require "skynet.socketchannel"
local core = require "skynet.db.pgsql.core"
local login = require "skynet.db.pgsql.login"
local parameter = require "skynet.db.pgsql.parameter"

local pack, unpack = string.pack, string.unpack
local read, next_message, feed, fill = socket.read, core.next, core.feed, core.rows
local socket_error <const> = socketchannel.error

local pgsql = {}
local db = {}
db.__index = db

local ANSWER_MAX <const> = 256 * 1024 * 1024
local REQUEST_MAX <const> = 1024 * 1024 * 1024 - 1024 -- what the server takes
local PARAMETERS_MAX <const> = 65535
local LARGE <const> = 64 * 1024 -- bytes that are waited for together
local SETTINGS_MAX <const> = 256 -- of the server's settings, as many as are kept

local SYNC <const> = "S\0\0\0\4"
local TERMINATE <const> = "X\0\0\0\4"

-- Raised while an answer is read: the connection ends, the request raises the text.
local function refuse(fmt, ...)
	error("pgsql: " .. fmt:format(...), 0)
end

local function message(kind, body)
	return pack(">c1I4", kind, #body + 4) .. body
end

-- ---- what a server says beside its answers ----

-- The fields of an error or a notice, by what the protocol calls them with one letter.
local fields = {
	V = "severity", C = "code", M = "message", D = "detail", H = "hint", P = "position",
	W = "where", s = "schema", t = "table", c = "column", d = "datatype", n = "constraint",
}

local function report(body)
	local r = {}
	for letter, text in body:gmatch "(%a)([^\0]*)\0" do
		local name = fields[letter]
		if name then
			r[name] = text
		elseif letter == "S" and not r.severity then
			r.severity = text -- in the server's language, all there was before 9.6
		end
	end
	r.severity, r.code = r.severity or "ERROR", r.code or "XX000"
	r.message = r.message or "no message"
	return r
end

local function bad_result(body)
	local r = report(body)
	r.badresult, r.err, r.sqlstate = true, r.message, r.code
	return r
end

local function call_back(f, ...)
	local ok, why = pcall(f, ...)
	if not ok then
		require "skynet".error("pgsql: a callback failed: " .. tostring(why))
	end
end

-- Messages that may come at any time.
local aside = {}

function aside.N(self, body)
	if self.on_notice then
		call_back(self.on_notice, report(body))
	end
end

function aside.A(self, body)
	local ok, pid, channel, payload = pcall(unpack, ">I4zz", body)
	if not ok then
		refuse("the server sent a notification that is none")
	end
	self.notified(channel, payload, pid)
end

function aside.S(self, body)
	local name, value = body:match "^([^\0]+)\0([^\0]*)\0$"
	if not name then
		refuse("the server sent a setting that is none")
	elseif not self.settings[name] then
		self.setting_count = self.setting_count + 1
		if self.setting_count > SETTINGS_MAX then
			refuse("the server has more than %d settings", SETTINGS_MAX)
		end
	end
	self.settings[name] = value
end

-- ---- reading ----

-- More bytes of the answer, `need` at least.
local function more(sock, need)
	if sock.some then
		return sock:some()
	end
	return read(sock[1], need > LARGE and need or nil) or error(socket_error)
end

-- What one answer of at most so many bytes is read with.
local function reader(self, sock, max)
	local decoder = sock.decoder or core.decoder()
	sock.decoder = decoder
	core.begin(decoder, max)
	return { client = self, sock = sock, decoder = decoder }
end

-- The next message that is part of the answer.
local function receive(r)
	while true do
		local kind, body = next_message(r.decoder)
		if not kind then
			feed(r.decoder, more(r.sock, body))
		elseif aside[kind] then
			aside[kind](r.client, body)
		else
			return kind, body
		end
	end
end

-- Rows, as far as they are there; the next message behind them is any other one.
local function read_rows(r, result, names, kinds, compact)
	local d, n = r.decoder, 0
	while true do
		n = fill(d, result, n, names, kinds, compact)
		local kind, body = next_message(d)
		if not kind then
			feed(d, more(r.sock, body))
		elseif aside[kind] then
			aside[kind](r.client, body)
		else
			return kind, body
		end
	end
end

-- What COPY ... TO STDOUT sends, until all of it is there.
local function read_copy(r)
	local parts = {}
	while true do
		local kind, body = receive(r)
		if kind == "d" then
			parts[#parts + 1] = body
		elseif kind == "c" or kind == "E" then
			return table.concat(parts), kind, body
		else
			refuse("the server sent a message '%s' between the data of a copy", kind)
		end
	end
end

local function completed(body)
	local tag = body:match "^([^\0]*)\0$"
	if not tag then
		refuse("the server sent the end of a command that is none")
	end
	return { command = tag:gsub("[%s%d]+$", ""),
		affected_rows = math.tointeger(tag:match " (%d+)$") or 0 }
end

-- An error. One that ends the session is the last that this connection is read for.
local function failed(r, body)
	local bad = bad_result(body)
	if bad.severity == "FATAL" or bad.severity == "PANIC" then
		socket.shutdown(r.sock[1])
		bad.fatal = true
	end
	return bad
end

local confirmations = { ["1"] = true, ["2"] = true, ["3"] = true, n = true }

-- All results of one request, up to the word that the server is ready. stmt: the prepared statement
-- whose rows these are.
local function read_results(r, compact, stmt)
	local results, n, bad, data = {}, 0, nil, nil
	local names, kinds, rows
	if stmt then
		names, kinds = stmt.names, stmt.kinds
		rows = names and {}
	end
	while true do
		local kind, body
		if rows then
			kind, body = read_rows(r, rows, names, kinds, compact)
		else
			kind, body = receive(r)
		end
		if kind == "C" then
			n = n + 1
			results[n] = rows or completed(body)
			results[n].data, data = data, nil
			rows = nil
		elseif kind == "T" and not rows and not bad then
			names, kinds = core.columns(body)
			rows = {}
		elseif kind == "E" then
			bad, rows = bad or failed(r, body), nil
			if bad.fatal then
				break
			end
		elseif kind == "I" then
			n = n + 1
			results[n] = { command = "", affected_rows = 0 }
		elseif kind == "H" then
			data, kind, body = read_copy(r)
			if kind == "E" then
				bad = bad or failed(r, body)
			end
		elseif kind == "G" or kind == "W" then
			refuse "COPY ... FROM STDIN is not possible here: insert rows"
		elseif kind == "Z" and not rows then
			r.client.status = body
			break
		elseif not confirmations[kind] then
			refuse("the server sent a message '%s' where none belongs", kind)
		end
	end
	if n == 0 or n == 1 and not bad then
		return bad or results[1] or { command = "", affected_rows = 0 }
	end
	results.multiresultset = true
	for k, v in pairs(bad or {}) do
		results[k] = v
	end
	return results
end

-- ---- login ----

local function log_in(self, ch, opts)
	self.settings, self.setting_count, self.status = {}, 0, "I"
	local function exchange(bytes, f)
		local function response(sock)
			return true, f(reader(self, sock, login.ANSWER_MAX))
		end
		if bytes then
			return ch:request(bytes, response, nil, self.timeout)
		end
		return ch:response(response, self.timeout)
	end
	login.run(ch, opts, exchange, receive, report)
	self.logins = self.logins + 1
end

-- ---- what programs call ----

local function check_text(opts, key, default)
	local v = opts[key]
	if v == nil then
		return default
	elseif type(v) ~= "string" or v:find "\0" then
		error(("pgsql.connect: %s is to be a text without zero bytes, not %s"):format(key,
			type(v) == "string" and "one with them" or type(v)), 4)
	end
	return v
end

-- What a session begins with.
local function settings(opts)
	local user = check_text(opts, "user")
	if not user then
		error("pgsql.connect: there is no user", 3)
	end
	local startup = { user = user, database = check_text(opts, "database", user),
		client_encoding = check_text(opts, "charset", "UTF8"), DateStyle = "ISO" }
	for k in pairs(opts.settings or {}) do
		startup[k] = check_text(opts.settings, k)
	end
	return {
		user = user, password = check_text(opts, "password"), startup = startup,
		host = opts.host, allow_cleartext = opts.allow_cleartext, ssl = opts.ssl,
	}
end

local function ignore() end

local function address(opts)
	local port = opts.port or 5432
	if type(opts.host) == "string" and opts.host:sub(1, 1) == "/" then
		return ("unix:%s/.s.PGSQL.%d"):format(opts.host, port), nil
	end
	return opts.host, port
end

local function new(opts, class, then_)
	local mine = settings(opts)
	local self = setmetatable({
		compact = opts.compact_arrays and true or false,
		answer_max = opts.answer_max or ANSWER_MAX,
		timeout = opts.timeout,
		on_notice = opts.on_notice,
		notified = opts.on_notify or ignore,
		logins = 0,                                    -- how often it has logged in
		named = 0,                                     -- statements that have got a name
		statements = setmetatable({}, { __mode = "k" }), -- statement -> sql, login
	}, class)
	-- the channel's task must not keep alive who holds the channel
	local weak = setmetatable({ self }, { __mode = "v" })
	local host, port = address(opts)
	self.channel = socketchannel.channel {
		host = host,
		port = port,
		nodelay = true,
		gather = true,
		overload = opts.overload,
		auth = function(ch)
			local client = weak[1]
			if not client then
				error(socket_error)
			end
			log_in(client, ch, mine)
			then_(client, ch)
		end,
	}
	self.channel:connect(true)
	return self
end

-- A client, connected and logged in. Raises the channel's error object, the log says why.
function pgsql.connect(opts)
	local on_connect = opts.on_connect
	return new(opts, db, function(self)
		if on_connect then
			on_connect(self)
		end
	end)
end

-- Sends a request and reads its answer with f(reader).
local function ask(self, bytes, f)
	if #bytes > REQUEST_MAX then
		error(("pgsql: a request of %d bytes is too large"):format(#bytes), 2)
	end
	local max = self.answer_max
	return self.channel:request(bytes, function(sock)
		return true, f(reader(self, sock, max))
	end, nil, self.timeout)
end

local function check_sql(sql)
	if type(sql) ~= "string" or sql:find("\0", 1, true) then
		error("pgsql: a statement is a text without zero bytes", 3)
	end
end

-- ---- parameters ----

-- What binds the values to a statement, and runs it. The results are to be texts.
local function execution(name, oids, level, n, ...)
	if n > PARAMETERS_MAX then
		error(("pgsql: %d parameters, at most 65535 are possible"):format(n), level)
	end
	local kinds, values = {}, {}
	for i = 1, n do
		local kind, bytes = parameter((select(i, ...)), oids[i], level + 1)
		kinds[i], values[i] = kind == 0 and "\0\0" or "\0\1", bytes
	end
	local count = pack(">I2", n)
	return message("B", "\0" .. name .. "\0" .. count .. table.concat(kinds) .. count
		.. table.concat(values) .. "\0\0")
end

local EXECUTE <const> = message("E", "\0\0\0\0\0")
local DESCRIBE_RESULT <const> = message("D", "P\0")

-- ---- queries ----

function db:query(sql, ...)
	check_sql(sql)
	local compact, n = self.compact, select("#", ...)
	local request
	if n == 0 then
		request = message("Q", sql .. "\0")
	else
		request = message("P", "\0" .. sql .. "\0\0\0") .. execution("", {}, 3, n, ...)
			.. DESCRIBE_RESULT .. EXECUTE .. SYNC
	end
	return ask(self, request, function(r)
		return read_results(r, compact)
	end)
end

function db:ping()
	return ask(self, SYNC, function(r)
		return read_results(r)
	end)
end

function db:server_ver()
	return self.settings.server_version
end

local states = { I = "idle", T = "open", E = "failed" }

-- Whether a transaction is open, as the last answer said.
function db:transaction()
	return states[self.status] or "idle"
end

function db:set_compact_arrays(compact)
	self.compact = compact and true or false
end

function db:disconnect()
	self.over = true
	if self.channel.inner.link then
		pcall(self.channel.request, self.channel, TERMINATE)
	end
	self.channel:close()
end

-- ---- prepared statements ----

local function read_prepared(r)
	local stmt, bad = { params = {}, fields = {} }, nil
	while true do
		local kind, body = receive(r)
		if kind == "t" then
			local n, at = unpack(">I2", body .. "\0\0")
			if #body ~= 2 + 4 * n then
				refuse("the server sent parameters that are none")
			end
			for i = 1, n do
				stmt.params[i], at = unpack(">I4", body, at)
			end
		elseif kind == "T" then
			stmt.names, stmt.kinds, stmt.fields = core.columns(body)
		elseif kind == "E" then
			bad = bad or failed(r, body)
			if bad.fatal then
				return bad
			end
		elseif kind == "Z" then
			r.client.status = body
			stmt.param_count, stmt.field_count = #stmt.params, #stmt.fields
			return bad or stmt
		elseif not confirmations[kind] then
			refuse("the server sent a message '%s' where none belongs", kind)
		end
	end
end

-- A statement under a name that this client has not used before.
local function prepare(self, sql)
	self.named = self.named + 1
	local name = "s" .. self.named
	local logins
	local stmt = ask(self, message("P", name .. "\0" .. sql .. "\0\0\0")
		.. message("D", "S" .. name .. "\0") .. SYNC, function(r)
		logins = self.logins
		return read_prepared(r)
	end)
	stmt.prepare_id = not stmt.badresult and name or nil
	return stmt, logins
end

function db:prepare(sql)
	check_sql(sql)
	local stmt, logins = prepare(self, sql)
	if not stmt.badresult then
		self.statements[stmt] = { sql = sql, login = logins }
	end
	return stmt
end

-- A statement lives as long as the connection. Connects if need be. Returns nil when the statement
-- is there, else why it cannot be prepared.
local function renew(self, stmt)
	local known = self.statements[stmt]
	if not known then
		return nil
	end
	if not self.over then
		self.channel:connect(true)
	end
	if known.login == self.logins then
		return nil
	end
	local again, logins = prepare(self, known.sql)
	if again.badresult then
		return again
	end
	known.login = logins
	for k, v in pairs(again) do
		stmt[k] = v
	end
	return nil
end

function db:execute(stmt, ...)
	local n = select("#", ...)
	if n ~= stmt.param_count then
		error(("require stmt.param_count %s get arg_num %d"):format(
			tostring(stmt.param_count), n), 2)
	end
	local why = renew(self, stmt)
	if why then
		return why
	end
	local bind, compact = execution(stmt.prepare_id, stmt.params, 3, n, ...), self.compact
	return ask(self, bind .. EXECUTE .. SYNC, function(r)
		return read_results(r, compact, stmt)
	end)
end

function db:stmt_close(stmt)
	local known = self.statements[stmt]
	self.statements[stmt] = nil
	-- without its connection the statement is gone already
	if known and self.channel.inner.link and known.login == self.logins then
		return ask(self, message("C", "S" .. stmt.prepare_id .. "\0") .. SYNC, read_results)
	end
	return { command = "", affected_rows = 0 }
end

-- ---- texts in SQL ----

function pgsql.quote_sql_str(s)
	if s:find("\0", 1, true) then
		error("pgsql: a text in SQL has no zero bytes: use a parameter, a bytea", 2)
	end
	local quoted = "'" .. s:gsub("'", "''") .. "'"
	if s:find("\\", 1, true) then -- right, whatever standard_conforming_strings says
		return " E" .. quoted:gsub("\\", "\\\\")
	end
	return quoted
end

function pgsql.quote_name(s)
	if s:find("\0", 1, true) or s == "" then
		error("pgsql: a name in SQL is not empty and has no zero bytes", 2)
	end
	return '"' .. s:gsub('"', '""') .. '"'
end

return pgsql
