-- SPDX-License-Identifier: MIT
-- skynet.db.pgsql: a client of PostgreSQL, protocol 3, over a channel.
--
-- A request is one function that reads all messages of its answer, up to the one that says that the
-- server is ready (skynet.db.pgsql.answer); the channel runs them in order, and requests of many
-- tasks are on their way at once. Messages are found and rows become tables in C. What a server may
-- send is limited: an answer has at most `answer_max` bytes; anything else ends the connection, and
-- the request raises why.
local skynet = require "skynet"
local socketchannel = require "skynet.socketchannel"
local answer = require "skynet.db.pgsql.answer"
local login = require "skynet.db.pgsql.login"
local parameter = require "skynet.db.pgsql.parameter"
local statements = require "skynet.db.statements"

local pack = string.pack
local reader, results = answer.reader, answer.results
local socket_error <const> = socketchannel.error

local pgsql = {}
local db = {}
db.__index = db

local ANSWER_MAX <const> = 256 * 1024 * 1024
local REQUEST_MAX <const> = 1024 * 1024 * 1024 - 1024 -- what the server takes
local PARAMETERS_MAX <const> = 65535

local SYNC <const> = "S\0\0\0\4"
local TERMINATE <const> = "X\0\0\0\4"

local function message(kind, body)
	return pack(">c1I4", kind, #body + 4) .. body
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
	login.run(ch, opts, exchange)
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

local function address(opts)
	local port = opts.port or 5432
	if type(opts.host) == "string" and opts.host:sub(1, 1) == "/" then
		return ("unix:%s/.s.PGSQL.%d"):format(opts.host, port), nil
	end
	return opts.host, port
end

-- What a session begins with.
local function settings(opts)
	local host, port = address(opts)
	if not host then
		error("pgsql.connect: there is no host", 3)
	end
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
		host = host, port = port, allow_cleartext = opts.allow_cleartext,
		timeout = opts.timeout, cache = {},
		ssl = opts.ssl and require "skynet.db.tls".options("pgsql.connect", opts.ssl,
			opts.host),
	}
end

local function ignore() end

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
		channels = {},                                 -- those that are listened to
		statements = statements.new(),
	}, class)
	-- the channel's task must not keep alive who holds the channel
	local weak = setmetatable({ self }, { __mode = "v" })
	self.opts = mine
	self.channel = socketchannel.channel {
		host = mine.host,
		port = mine.port,
		nodelay = true,
		gather = true,
		overload = opts.overload,
		login = true,
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

local function check_options(opts)
	if type(opts) ~= "table" then
		local text = "pgsql.connect: a table with the server's host expected, got %s"
		error(text:format(type(opts)), 3)
	end
end

-- A client, connected and logged in. Raises the channel's error object, the log says why.
function pgsql.connect(opts)
	check_options(opts)
	local on_connect = opts.on_connect
	return new(opts, db, function(self)
		if on_connect then
			on_connect(self)
		end
	end)
end

-- Asks the server to give up what the connection with that key runs. Nobody waits for it.
local function cancel(self, key)
	if key then
		skynet.fork(pcall, login.cancel, self.opts, key)
	end
end

-- What a request raises. One that is late has left its work to the server.
local function raise(self, why, key)
	if self.timeout and type(why) == "string" and why:find("socket: no answer", 1, true) then
		cancel(self, key)
	end
	error(why, 0)
end

-- Sends a request and reads its answer with f(reader).
local function ask(self, bytes, f)
	if #bytes > REQUEST_MAX then
		error(("pgsql: a request of %d bytes is too large"):format(#bytes), 2)
	end
	local max, key = self.answer_max, nil
	local function response(sock)
		key = self.key
		return true, f(reader(self, sock, max))
	end
	if not self.timeout then
		return self.channel:request(bytes, response)
	end
	local ok, result = pcall(self.channel.request, self.channel, bytes, response, nil,
		self.timeout)
	return ok and result or raise(self, result, key)
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
		return results(r, compact)
	end)
end

function db:ping()
	return ask(self, SYNC, function(r)
		return results(r)
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

-- Asks the server to give up what it does for this client now.
function db:cancel()
	cancel(self, self.channel.inner.link and self.key)
end

local function disconnect(self)
	self.over = true
	if self.channel.inner.link then
		pcall(self.channel.request, self.channel, TERMINATE)
	end
	self.channel:close()
end

function db:disconnect()
	local link = self.channel.inner.link
	if link and link.reading then
		self:cancel()
	end
	disconnect(self)
end

-- ---- prepared statements ----

-- A statement under a name that this client has not used before.
local function prepare(self, sql)
	self.named = self.named + 1
	local name = "s" .. self.named
	local logins
	local stmt = ask(self, message("P", name .. "\0" .. sql .. "\0\0\0")
		.. message("D", "S" .. name .. "\0") .. SYNC, function(r)
		logins = self.logins
		return answer.prepared(r)
	end)
	stmt.prepare_id = not stmt.badresult and name or nil
	return stmt, logins
end

function db:prepare(sql)
	check_sql(sql)
	return statements.prepare(self, sql, prepare)
end

function db:execute(stmt, ...)
	local n = select("#", ...)
	statements.check_count(stmt, n)
	local why = statements.renew(self, stmt, prepare)
	if why then
		return why
	end
	local bind, compact = execution(stmt.prepare_id, stmt.params, 3, n, ...), self.compact
	return ask(self, bind .. EXECUTE .. SYNC, function(r)
		return results(r, compact, stmt)
	end)
end

function db:stmt_close(stmt)
	local known = self.statements[stmt]
	self.statements[stmt] = nil
	-- without its connection the statement is gone already
	if known and self.channel.inner.link and known.login == self.logins then
		return ask(self, message("C", "S" .. stmt.prepare_id .. "\0") .. SYNC, results)
	end
	return { command = "", affected_rows = 0 }
end

-- ---- notifications ----

local watch = {}
watch.__index = watch

local function listen(channel, name)
	channel:request(message("Q", "LISTEN " .. pgsql.quote_name(name) .. "\0"))
end

-- A subscriber, connected and logged in. Raises the channel's error object, the log says why.
function pgsql.watch(opts)
	check_options(opts)
	return new(opts, watch, function(self, ch)
		for name in pairs(self.channels) do
			listen(ch, name)
		end
	end)
end

function watch:listen(name)
	listen(self.channel, name)
	self.channels[name] = true
end

function watch:unlisten(name)
	self.channels[name] = nil
	self.channel:request(message("Q", "UNLISTEN " .. pgsql.quote_name(name) .. "\0"))
end

-- The next notification: payload, channel, pid. A connection that is lost is made anew, with all
-- that was asked for.
function watch:message()
	local function response(sock)
		local event, bad = answer.event(reader(self, sock, self.answer_max))
		return event ~= nil, event or bad
	end
	while true do
		local ok, event = pcall(self.channel.response, self.channel, response)
		if ok then
			return event[1], event[2], event[3]
		elseif event ~= socket_error or self.over then
			error(type(event) == "table" and event.message or event, 0)
		end
	end
end

watch.disconnect = disconnect

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
