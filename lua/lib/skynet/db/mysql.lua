-- SPDX-License-Identifier: MIT
-- skynet.db.mysql: a client of MySQL and MariaDB, protocol 4.1, over a channel.
--
-- A request is one function that reads all packets of its answer; the channel runs them in order.
-- Rows become tables in C (skynet.db.mysql.core). What a server may send is limited: an answer has
-- at most `answer_max` bytes, in packets that are numbered in order; anything else ends the
-- connection, and the request raises why.
local socketchannel = require "skynet.socketchannel"
local core = require "skynet.db.mysql.core"
local execution = require "skynet.db.mysql.parameter"
local statements = require "skynet.db.statements"

local pack, unpack = string.pack, string.unpack

local mysql = {}
local db = {}
db.__index = db

local PIECE <const> = 0xffffff -- bytes of a packet; a full one is continued in the next
local ANSWER_MAX <const> = 256 * 1024 * 1024
local ROW_COST <const> = 64 -- what a packet counts for besides its bytes: a table is larger
local COLUMNS_MAX <const> = 4096
local PACKET_SIZE <const> = 1024 * 1024
local IN_TRANSACTION <const>, MORE_RESULTS <const> = 1, 8

-- Long passwords, found rows, long flags, database at login, ODBC, ignored spaces, protocol 4.1,
-- interactive, ignored SIGPIPE, transactions, reserved, secure connection, several statements,
-- several results. No LOCAL INFILE: a server could ask for any file.
local CAPABILITIES <const> = 260047 & ~128
local PLUGIN_AUTH <const>, SSL <const> = 1 << 19, 1 << 11

local OK <const>, MORE_DATA <const>, LOCAL_FILE <const>, EOF <const>, ERR <const> =
	0, 1, 0xfb, 0xfe, 0xff

local QUERY <const>, PING <const>, RESET <const> = "\x03", "\x0e", "\x1a"
local PREPARE <const>, EXECUTE <const>, CLOSE <const> = "\x16", "\x17", "\x19"

-- The collation that each character set has unless another is asked for.
local charsets = {
	_default = 0, big5 = 1, dec8 = 3, cp850 = 4, hp8 = 6, koi8r = 7, latin1 = 8, latin2 = 9,
	swe7 = 10, ascii = 11, ujis = 12, sjis = 13, hebrew = 16, tis620 = 18, euckr = 19,
	koi8u = 22, gb2312 = 24, greek = 25, cp1250 = 26, gbk = 28, latin5 = 30,
	armscii8 = 32, utf8 = 33, utf8mb3 = 33, ucs2 = 35, cp866 = 36, keybcs2 = 37,
	macce = 38, macroman = 39, cp852 = 40,
	latin7 = 41, utf8mb4 = 45, cp1251 = 51, utf16 = 54, utf16le = 56, cp1256 = 57, cp1257 = 59,
	utf32 = 60, binary = 63, geostd8 = 92, cp932 = 95, eucjpms = 97, gb18030 = 248,
}

-- Raised while an answer is read: the connection ends, the request raises the text.
local function refuse(fmt, ...)
	error("mysql: " .. fmt:format(...), 0)
end

-- ---- packets ----

-- A body in packets, the first of which has number `seq`.
local function framed(body, seq)
	local n = #body
	if n < PIECE then
		return pack("<I3B", n, seq) .. body
	end
	local parts = {}
	for at = 1, n + 1, PIECE do
		local part = body:sub(at, at + PIECE - 1)
		parts[#parts + 1] = pack("<I3B", #part, seq & 255)
		parts[#parts + 1] = part
		seq = seq + 1
	end
	return table.concat(parts)
end

-- What one answer is read with: where from, the next number, the bytes that may still come.
local function reader(sock, seq, left)
	return { sock = sock, seq = seq, left = left, max = left }
end

local function read_piece(r)
	local n, seq = unpack("<I3B", r.sock:read(4))
	if seq ~= r.seq then
		refuse("packet %d arrived where %d was due", seq, r.seq)
	end
	r.seq = (seq + 1) & 255
	r.left = r.left - n - ROW_COST
	if r.left < 0 then
		refuse("an answer is larger than %d bytes (answer_max)", r.max)
	end
	return n > 0 and r.sock:read(n) or "", n
end

-- The next packet and its first byte.
local function read(r)
	local body, n = read_piece(r)
	if n == PIECE then
		local parts = { body }
		repeat
			body, n = read_piece(r)
			parts[#parts + 1] = body
		until n < PIECE
		body = table.concat(parts)
	end
	if body == "" then
		refuse("the server sent an empty packet")
	end
	return body, body:byte()
end

-- unpack that refuses what is too short.
local function take(fmt, packet, at)
	local ok, a, b, c, d, e, f = pcall(unpack, fmt, packet, at)
	if not ok then
		refuse("the server sent a packet that ends early")
	end
	return a, b, c, d, e, f
end

local function bad_result(packet)
	local errno = take("<I2", packet, 2)
	local sqlstate, text = packet:match("^#(.....)(.*)$", 4)
	return { badresult = true, errno = errno, err = text or packet:sub(4), sqlstate = sqlstate }
end

local function ok_result(packet)
	local affected, at = core.number(packet, 2)
	local id, behind = core.number(packet, at)
	local status, warnings, rest = take("<I2I2", packet, behind)
	local message = packet:sub(rest)
	if message:byte() == #message - 1 then -- MariaDB writes its length before it
		message = message:sub(2)
	end
	return {
		affected_rows = affected, insert_id = id,
		server_status = status, warning_count = warnings,
		message = message ~= "" and message or nil,
	}, status
end

local function is_end(packet, first)
	return first == EOF and #packet < 9
end

-- The columns of a result: names, what the rows need to know of them; `full`: tables, too.
local function read_columns(r, n, full)
	local names, kinds, columns = {}, {}, full and {}
	for i = 1, n do
		local packet, first = read(r)
		if first == ERR then
			return nil, bad_result(packet)
		end
		local name, kind, schema, tab, type, flags, charset, decimals = core.column(packet)
		names[i], kinds[i] = name, kind
		if full then
			columns[i] = { name = name, schema = schema, table = tab, type = type,
				flags = flags, charset = charset, decimals = decimals }
		end
	end
	if not is_end(read(r)) then
		refuse "no end behind the columns"
	end
	return names, table.concat(kinds), columns
end

-- The rows of one result and the server's status; or nil and the error that came in between.
local function read_rows(r, first_packet, row, compact)
	local count = core.number(first_packet, 1)
	if count < 1 or count > COLUMNS_MAX then
		refuse("a result of %d columns", count)
	end
	local names, kinds = read_columns(r, count)
	if not names then
		return nil, kinds
	end
	local rows, n = {}, 0
	while true do
		local packet, first = read(r)
		if first == EOF and #packet < 9 then
			local _, status = take("<I2I2", packet, 2)
			return rows, status
		elseif first == ERR then
			return nil, bad_result(packet)
		end
		n = n + 1
		rows[n] = row(packet, names, kinds, compact)
	end
end

-- One result: a table, and whether another follows. nil and a bad result instead.
local function read_result(r, row, compact)
	local packet, first = read(r)
	local result, status
	if first == ERR then
		return nil, bad_result(packet)
	elseif first == LOCAL_FILE then
		refuse("the server asks for a file of this machine")
	elseif first == OK then
		result, status = ok_result(packet)
	else
		result, status = read_rows(r, packet, row, compact)
	end
	if not result then
		return nil, status
	end
	r.status = status
	return result, status & MORE_RESULTS ~= 0
end

-- All results of one request. multi: the key that says that there are several.
local function read_results(r, row, compact, multi)
	local result, more = read_result(r, row, compact)
	if not result then
		return more
	elseif not more then
		return result
	end
	local all, n = { [multi] = true, result }, 1
	while more do
		result, more = read_result(r, row, compact)
		if not result then
			for k, v in pairs(more) do
				all[k] = v
			end
			return all
		end
		n = n + 1
		all[n] = result
	end
	return all
end

-- ---- login ----

local function native_token(password, scramble)
	if password == "" then
		return ""
	end
	local crypt = require "skynet.crypt" -- needs OpenSSL
	local once = crypt.sha1(password)
	return crypt.xor_str(crypt.sha1(scramble .. crypt.sha1(once)), once)
end

local function sha2_token(password, scramble)
	if password == "" then
		return ""
	end
	local crypt = require "skynet.crypt"
	local once = crypt.sha256(password)
	return crypt.xor_str(once, crypt.sha256(crypt.sha256(once) .. scramble))
end

local tokens = {
	mysql_native_password = native_token,
	caching_sha2_password = sha2_token,
}

local function token_for(plugin, password, scramble)
	local f = tokens[plugin]
	if not f then
		refuse("the server wants the login %s, which is none of mysql_native_password and "
			.. "caching_sha2_password", plugin)
	end
	return f(password, scramble)
end

local function login_failed(packet)
	local e = bad_result(packet)
	error(("errno:%d, msg:%s,sqlstate:%s"):format(e.errno, e.err, e.sqlstate or ""), 0)
end

-- The server's greeting: version, capabilities, scramble, login.
local function read_greeting(packet, first)
	if first == ERR then
		login_failed(packet)
	elseif first ~= 10 then
		refuse("the server speaks protocol %d, not 10", first)
	end
	local version, _, scramble, low, at = take("<zI4c8xI2", packet, 2)
	local high, rest = take("<I2", packet, at + 3)
	local more = packet:sub(rest + 11, rest + 22)
	if #more < 12 then
		refuse "the server speaks a protocol from before 4.1"
	end
	local plugin = packet:match("^([^\0]*)", rest + 24)
	return version, low | high << 16, scramble .. more, plugin ~= "" and plugin or nil
end

-- The password in full: within TLS, if the server has shown who it is; else for the owner of the
-- server's key only.
local function whole_password(ch, opts, scramble, exchange)
	if opts.ssl and (opts.ssl.verifies or opts.allow_cleartext) then
		return opts.password .. "\0"
	elseif opts.ssl then
		refuse("the server wants the whole password of user '%s', and has not shown who it "
			.. "is: verify its certificate, or set allow_cleartext = true", opts.user)
	end
	local key = opts.server_public_key
	if not key and opts.get_server_public_key then
		local packet, first = exchange(ch, "\x02")
		if first == ERR then
			login_failed(packet)
		elseif first ~= MORE_DATA then
			refuse("the server sent no public key")
		end
		key = packet:sub(2)
	end
	if not key then
		refuse("the server wants the whole password of user '%s', encrypted for its key: "
			.. "give server_public_key (PEM), or get_server_public_key = true to trust "
			.. "the one that it sends, or use ssl", opts.user)
	end
	local crypt = require "skynet.crypt"
	return crypt.rsa_oaep_encrypt(key, crypt.xor_str(opts.password .. "\0", scramble))
end

-- Follows the server through its login until it says yes; raises its no.
local function log_in(ch, opts, packet, first, scramble, exchange)
	for _ = 1, 8 do
		if first == OK then
			return
		elseif first == ERR then
			login_failed(packet)
		elseif first == EOF then
			if #packet == 1 then
				error("old pre-4.1 authentication protocol not supported", 0)
			end
			local plugin, at = take("z", packet, 2)
			scramble = packet:sub(at, at + 19)
			packet, first = exchange(ch, token_for(plugin, opts.password, scramble))
		elseif packet == "\1\3" then -- it knows the password already
			packet, first = exchange(ch)
		elseif packet == "\1\4" then
			packet, first = exchange(ch, whole_password(ch, opts, scramble, exchange))
		else
			refuse("the server's answer to the login is unknown")
		end
	end
	refuse("the server's login has no end")
end

-- Says that TLS comes next, and goes on in it.
local function start_tls(ch, opts, flags, seq)
	if flags & SSL == 0 then
		refuse "the server has no TLS"
	end
	ch:request(framed(pack("<I4I4Bc23", flags, opts.max_packet_size, opts.collation, ""), seq))
	require "skynet.db.tls".start(ch, opts.ssl)
end

local function authenticate(self, ch, opts)
	local seq = 0
	local function read_one(sock)
		local r = reader(sock, seq, PIECE)
		local packet, first = read(r)
		seq = r.seq
		return true, { packet, first }
	end
	local function exchange(_, body)
		local answer
		if body then
			local frame = framed(body, seq)
			seq = (seq + 1) & 255
			answer = ch:request(frame, read_one, nil, self.timeout)
		else
			answer = ch:response(read_one, self.timeout)
		end
		return answer[1], answer[2]
	end
	local version, server, scramble, plugin = read_greeting(exchange(ch))
	self.version = version
	local flags = CAPABILITIES | (server & (PLUGIN_AUTH | (opts.ssl and SSL or 0)))
	if opts.ssl then
		start_tls(ch, opts, flags, seq)
		seq = (seq + 1) & 255
	end
	if not tokens[plugin] or flags & PLUGIN_AUTH == 0 then
		plugin = "mysql_native_password" -- the server names another if it wants one
	end
	local login = pack("<I4I4Bc23zs1z", flags, opts.max_packet_size, opts.collation,
		("\0"):rep(23), opts.user, token_for(plugin, opts.password, scramble),
		opts.database)
	if flags & PLUGIN_AUTH ~= 0 then
		login = login .. plugin .. "\0"
	end
	local packet, first = exchange(ch, login)
	log_in(ch, opts, packet, first, scramble, exchange)
	self.logins, self.status = self.logins + 1, 0
end

-- ---- what programs call ----

local function text_option(opts, key)
	local v = opts[key]
	if v == nil then
		return ""
	elseif type(v) ~= "string" or v:find "\0" then
		error(("mysql.connect: %s is to be a text without zero bytes, not %s"):format(key,
			type(v) == "string" and "one with them" or type(v)), 3)
	end
	return v
end

local function settings(opts)
	if type(opts) ~= "table" then
		local text = "mysql.connect: a table with the server's host expected, got %s"
		error(text:format(type(opts)), 3)
	elseif opts.host == nil then
		error("mysql.connect: there is no host", 3)
	end
	local charset = opts.charset or "_default"
	local collation = charsets[charset]
	if not collation then
		error(("mysql.connect: unknown charset '%s'"):format(tostring(charset)), 3)
	end
	return {
		user = text_option(opts, "user"), password = text_option(opts, "password"),
		database = text_option(opts, "database"), collation = collation,
		max_packet_size = opts.max_packet_size or PACKET_SIZE,
		server_public_key = opts.server_public_key, allow_cleartext = opts.allow_cleartext,
		get_server_public_key = opts.get_server_public_key,
		ssl = opts.ssl and require "skynet.db.tls".options("mysql.connect", opts.ssl,
			opts.host),
	}
end

-- A client, connected and logged in. Raises the channel's error object, the log says why.
function mysql.connect(opts)
	local mine = settings(opts)
	local self = setmetatable({
		compact = opts.compact_arrays and true or false,
		answer_max = opts.answer_max or ANSWER_MAX,
		timeout = opts.timeout,
		logins = 0,                                    -- how often it has logged in
		statements = statements.new(),
	}, db)
	-- the channel's task must not keep alive who holds the channel
	local weak, on_connect = setmetatable({ self }, { __mode = "v" }), opts.on_connect
	self.channel = socketchannel.channel {
		host = opts.host,
		port = opts.port or 3306,
		nodelay = true,
		overload = opts.overload,
		login = true,
		auth = function(ch)
			local client = weak[1]
			if not client then
				error(socketchannel.error)
			end
			authenticate(client, ch, mine)
			if on_connect then
				on_connect(client)
			end
		end,
	}
	self.channel:connect(true)
	return self
end

-- Sends a command and reads its answer with f(reader).
local function command(self, body, f)
	local max, seq = self.answer_max, #body // PIECE + 1 & 255
	return self.channel:request(framed(body, 0), function(sock)
		local r = reader(sock, seq, max)
		local result = f(r)
		self.status = r.status or self.status
		return true, result
	end, nil, self.timeout)
end

-- Returns the first packet of an answer that says OK, or nil and what the server says instead.
local function read_first(r)
	local packet, first = read(r)
	if first == ERR then
		return nil, bad_result(packet)
	elseif first ~= OK then
		refuse("the server's answer is unknown (%d)", first)
	end
	return packet
end

local function read_ok(r)
	local packet, why = read_first(r)
	return why or (ok_result(packet))
end

function db:query(sql)
	local compact = self.compact
	return command(self, QUERY .. sql, function(r)
		return read_results(r, core.textrow, compact, "multiresultset")
	end)
end

function db:ping()
	return command(self, PING, read_ok)
end

-- Whether a transaction is open, as the last answer without an error said.
function db:transaction()
	return self.status & IN_TRANSACTION ~= 0 and "open" or "idle"
end

function db:server_ver()
	return self.version
end

function db:set_compact_arrays(compact)
	self.compact = compact and true or false
end

function db:disconnect()
	self.over = true
	self.channel:close()
end

-- ---- prepared statements ----

local function read_prepared(r)
	local packet, bad = read_first(r)
	if not packet then
		return bad
	end
	local id, fields, params, warnings = take("<I4I2I2xI2", packet, 2)
	local stmt = { prepare_id = id, field_count = fields, param_count = params,
		warning_count = warnings, params = {}, fields = {} }
	for _, part in ipairs { { "params", params }, { "fields", fields } } do
		local key, n = part[1], part[2]
		if n > 0 then
			local names, why, columns = read_columns(r, n, true)
			if not names then
				return why
			end
			stmt[key] = columns
		end
	end
	return stmt
end

local function prepare(self, sql)
	return command(self, PREPARE .. sql, read_prepared), self.logins
end

function db:prepare(sql)
	return statements.prepare(self, sql, prepare)
end

function db:execute(stmt, ...)
	local n = select("#", ...)
	statements.check_count(stmt, n)
	local values, compact = execution(...), self.compact
	local why = statements.renew(self, stmt, prepare)
	if why then
		return why
	end
	return command(self, EXECUTE .. pack("<I4BI4", stmt.prepare_id, 0, 1) .. values, function(r)
		return read_results(r, core.binaryrow, compact, "mulitresultset")
	end)
end

function db:stmt_reset(stmt)
	return statements.renew(self, stmt, prepare)
		or command(self, RESET .. pack("<I4", stmt.prepare_id), read_ok)
end

function db:stmt_close(stmt)
	local known = self.statements[stmt]
	self.statements[stmt] = nil
	-- without its connection the statement is gone already, and its number may be another's
	if self.channel.inner.link and (not known or known.login == self.logins) then
		self.channel:request(framed(CLOSE .. pack("<I4", stmt.prepare_id), 0))
	end
end

-- ---- texts in SQL ----

local escapes = {
	["\0"] = "\\0", ["\b"] = "\\b", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
	["\26"] = "\\Z", ["\\"] = "\\\\", ["'"] = "\\'", ['"'] = '\\"',
}

function mysql.quote_sql_str(s)
	return "'" .. s:gsub("[\0\b\n\r\t\26\\'\"]", escapes) .. "'"
end

return mysql
