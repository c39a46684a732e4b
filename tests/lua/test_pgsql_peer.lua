-- SPDX-License-Identifier: MIT
-- skynet.db.pgsql against scripted servers: logins, what breaks the protocol, what is too much,
-- servers that die at every byte, random answers, answers with bytes that were changed.
local skynet = require "skynet"
local socket = require "skynet.socket"
local channel_error = require "skynet.socketchannel".error
local crypt = require "skynet.crypt"
local tlshelper = require "http.tlshelper"
local pgsql = require "skynet.db.pgsql"
local beside = require "beside"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local pack = string.pack

local function msg(kind, body)
	return pack(">c1I4", kind, #body + 4) .. body
end

local OK <const> = msg("R", "\0\0\0\0")
local READY <const> = msg("Z", "I")
local WELCOME <const> = OK .. msg("K", ("\0"):rep(8)) .. READY

local function auth(kind, data)
	return msg("R", pack(">I4", kind) .. data)
end

local function failure(severity, code, text)
	return msg("E", ("S%s\0V%s\0C%s\0M%s\0\0"):format(severity, severity, code, text))
end

local function columns(...)
	local parts = { pack(">I2", select("#", ...)) }
	for i, type in ipairs { ... } do
		parts[i + 1] = pack(">zI4I2I4i2i4I2", "c" .. i, 0, 0, type, -1, -1, 0)
	end
	return msg("T", table.concat(parts))
end

local function row(...)
	local n = select("#", ...)
	local parts = { pack(">I2", n) }
	for i = 1, n do
		local v = (select(i, ...))
		parts[i + 1] = v and pack(">s4", v) or "\xff\xff\xff\xff"
	end
	return msg("D", table.concat(parts))
end

local function done(tag)
	return msg("C", tag .. "\0")
end

local function receive(fd)
	local head = socket.read(fd, 5)
	if not head then
		return nil
	end
	local kind, n = string.unpack(">c1I4", head)
	return kind, n > 4 and socket.read(fd, n - 4) or ""
end

-- The settings of a session's first message.
local function startup_of(fd)
	local head = socket.read(fd, 8)
	if not head then
		return nil
	end
	local n, version = string.unpack(">I4I4", head)
	equal(version, 196608)
	local settings = {}
	for k, v in socket.read(fd, n - 8):gmatch "([^\0]+)\0([^\0]*)\0" do
		settings[k] = v
	end
	return settings
end

-- A server that runs login(fd, settings) (nil: trusts everybody), then answers each request with
-- answer(fd, kind, body), until one of them returns true.
local function serve(opts)
	local id, _, port = socket.listen("127.0.0.1", 0)
	socket.start(id, function(fd)
		if not socket.start(fd) then
			return
		end
		local settings = startup_of(fd)
		if settings then
			local over = false
			if opts.login then
				over = opts.login(fd, settings)
			else
				socket.write(fd, WELCOME)
			end
			local kind, body = not over and receive(fd)
			while kind and opts.answer and not opts.answer(fd, kind, body) do
				kind, body = receive(fd)
			end
		end
		socket.close(fd)
	end)
	return port
end

local function connect(port, opts)
	opts = opts or {}
	opts.host, opts.port, opts.user = "127.0.0.1", port, "u"
	return pgsql.connect(opts)
end

local function refused(text, login, opts)
	opts = opts or {}
	opts.password = opts.password or "secret"
	local from = #tap.log()
	local ok, why = pcall(connect, serve { login = login }, opts)
	assert(not ok and why == channel_error, tostring(why))
	tap.logged(text, from)
end

-- The request against a server that answers it with these bytes raises the text.
local function breaks(text, bytes, opts)
	local db = connect(serve { answer = function(fd) socket.write(fd, bytes) end }, opts)
	raises(text, db.query, db, "select 1")
	db:disconnect()
end

-- The server's side of SCRAM-SHA-256. with: rounds, nonce, signature to say something else.
local function scram(with)
	return function(fd)
		socket.write(fd, auth(10, with.list or "SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"))
		local kind, body = receive(fd)
		if kind ~= "p" then
			return
		end
		local mechanism, hello = string.unpack(">zs4", body)
		equal(mechanism, "SCRAM-SHA-256")
		local bare = hello:match "^n,,(n=,r=.+)$"
		local nonce, salt, rounds = bare:match "r=(.+)$", "salt of it", with.rounds or 4096
		local challenge = with.challenge or ("r=%s,s=%s,i=%d"):format(
			with.nonce or nonce .. "theirs", crypt.base64encode(salt), rounds)
		socket.write(fd, auth(with.step or 11, challenge))
		kind, body = receive(fd)
		if kind ~= "p" then
			return
		end
		local last, proof = body:match "^(c=biws,r=.+),p=(.+)$"
		local said = bare .. "," .. challenge .. "," .. last
		local salted = crypt.pbkdf2("sha256", "secret", salt, rounds)
		local stored = crypt.sha256(crypt.hmac_sha256(salted, "Client Key"))
		local key = crypt.base64decode(proof)
		key = crypt.xor_str(key, crypt.hmac_sha256(stored, said))
		with.proved = crypt.sha256(key) == stored
		local signature = crypt.hmac_sha256(crypt.hmac_sha256(salted, "Server Key"), said)
		signature = "v=" .. crypt.base64encode(signature)
		if with.signature ~= false then
			socket.write(fd, auth(12, with.signature or signature))
		end
		socket.write(fd, WELCOME)
		receive(fd)
	end
end

-- ---- random answers ----

local random, seed_text = nil, nil

local function seeded(seed)
	math.randomseed(seed)
	random, seed_text = math.random, ("seed %d"):format(seed)
end

-- A value of a random type: the type, its text, what is to come of it.
local function random_value()
	local k = random(7)
	if k == 1 then
		return 16, random(2) == 1 and "t" or "f"
	elseif k == 2 then
		return 20, tostring(random(0))
	elseif k == 3 then
		return 701, ("%.17g"):format(random() * 1e6)
	elseif k == 4 then
		return 17, ("\\x%06x"):format(random(0, 0xffffff))
	elseif k == 5 then
		return 1007, ("{%d,NULL,%d}"):format(random(-9, 9), random(-9, 9))
	end
	local bytes = {}
	for i = 1, random(0, 300) do bytes[i] = string.char(random(0, 255)) end
	return 25, table.concat(bytes)
end

local makes = {
	[16] = function(v) return v == "t" end,
	[20] = math.tointeger,
	[701] = function(v) return tonumber(v) + 0.0 end,
	[17] = function(v)
		return (v:sub(3):gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end))
	end,
	[1007] = function(v) return v:gsub("[{}]", ""):gsub("NULL", "nil") end,
	[25] = function(v) return v end,
}

local function shown(v)
	if type(v) == "table" then
		return ("%s,%s,%s"):format(v[1], v[2], v[3])
	end
	return v
end

-- One result: its messages, and a function that looks at what has become of it.
local function random_result()
	if random(4) == 1 then
		local n = random(0, 99)
		return done("UPDATE " .. n), function(r)
			equal(r.command, "UPDATE")
			equal(r.affected_rows, n)
		end
	end
	local types, rows, parts = {}, {}, {}
	for c = 1, random(0, 6) do types[c] = random_value() end
	for i = 1, random(0, 20) do
		local texts = {}
		for c = 1, #types do
			local type, text
			repeat type, text = random_value() until type == types[c]
			texts[c] = random(5) > 1 and text or false
		end
		rows[i], parts[i] = texts, row(table.unpack(texts))
		if random(10) == 1 then
			parts[i] = parts[i] .. msg("N", "SNOTICE\0C00000\0Mhm\0\0")
		end
	end
	return columns(table.unpack(types)) .. table.concat(parts) .. done("SELECT " .. #rows),
		function(r)
			equal(#r, #rows)
			for i, texts in ipairs(rows) do
				for c, text in ipairs(texts) do
					local wanted = text and makes[types[c]](text) or nil
					if text == "f" and types[c] == 16 then wanted = false end
					equal(shown(r[i]["c" .. c]), wanted)
				end
			end
		end
end

-- An answer of several results, maybe with an error at its end.
local function random_answer()
	local parts, checks = {}, {}
	for i = 1, random(1, 3) do
		parts[i], checks[i] = random_result()
	end
	local bad = random(4) == 1
	if bad then
		parts[#parts + 1] = failure("ERROR", "22012", "division by zero")
	end
	return table.concat(parts) .. READY, function(r)
		equal(r.badresult, bad or nil)
		if #checks > 1 or bad then
			equal(r.multiresultset, true)
			equal(#r, #checks)
			for i, check in ipairs(checks) do check(r[i]) end
		else
			checks[1](r)
		end
	end
end

-- Writes bytes in random pieces, some of them a moment later. to: a socket, or what has `write`.
local function trickle(to, bytes)
	local function write(piece)
		if type(to) == "table" then
			return to.write(piece)
		end
		socket.write(to, piece)
	end
	local at = 1
	while at <= #bytes do
		local n = random(10) == 1 and random(1, 8) or random(1, 4000)
		write(bytes:sub(at, at + n - 1))
		at = at + n
		if random(3) == 1 then
			skynet.yield()
		end
	end
end

tap.run {
	{ "what a session begins with; a version that is another", function()
		local settings
		local db = connect(serve { login = function(fd, got)
			settings = got
			socket.write(fd, msg("v", pack(">I4I4", 0, 0)) .. WELCOME)
		end }, { settings = { search_path = "s" }, charset = "LATIN1" })
		db:disconnect()
		equal(settings.user, "u")
		equal(settings.database, "u")
		equal(settings.search_path, "s")
		equal(settings.client_encoding, "LATIN1")
	end },
	{ "MD5 as it is to be", function()
		local said
		local db = connect(serve { login = function(fd)
			socket.write(fd, auth(5, "salt"))
			said = { receive(fd) }
			socket.write(fd, WELCOME)
		end }, { password = "secret" })
		db:disconnect()
		equal(said[1], "p")
		local md5 = require "md5"
		equal(said[2], "md5" .. md5.sumhexa(md5.sumhexa "secretu" .. "salt") .. "\0")
	end },
	{ "SCRAM: the proof is right, and the server's is looked at", function()
		local with = {}
		connect(serve { login = scram(with) }, { password = "secret" }):disconnect()
		equal(with.proved, true)
		refused("the server does not know the password", scram { signature = "v=AAAA" })
		refused("the server does not know the password", scram { signature = "e=other" })
		refused("the server does not know the password", scram { signature = "" })
		refused("the server has not proved that it knows", scram { signature = false })
		refused("gave SCRAM up before it was asked", scram { step = 0 })
		refused("gave SCRAM up before it was asked", scram { step = 12 })
		refused("is not an answer to ours", scram { nonce = "another" })
		refused("wants 1 rounds of SCRAM", scram { rounds = 1 })
		refused("wants 2000000000 rounds of SCRAM", scram { rounds = 2000000000 })
		refused("challenge (SCRAM) is none", scram { challenge = "r=x" })
		refused("challenge (SCRAM) is none", scram { challenge = "" })
		refused("challenge (SCRAM) is none",
			scram { challenge = "r=x,s=AA,i=99999999999999999999" })
		refused("none of which is SCRAM-SHA-256: SCRAM-SHA-256-PLUS",
			scram { list = "SCRAM-SHA-256-PLUS\0\0" })
		refused("none of which is SCRAM-SHA-256: ", scram { list = "" })
	end },
	{ "logins that are unknown, have no end, or refuse", function()
		refused("wants the login GSSAPI, which is none of", function(fd)
			socket.write(fd, auth(7, ""))
		end)
		refused("wants the login 99, which is none of", function(fd)
			socket.write(fd, auth(99, ""))
		end)
		refused("the server's login has no end", function(fd)
			for _ = 1, 20 do socket.write(fd, auth(5, "salt")) end
			socket.read(fd)
		end)
		refused("wants the password of user 'u' in full", function(fd)
			socket.write(fd, auth(3, ""))
		end)
		refused("severity:FATAL, code:53300, msg:sorry", function(fd)
			socket.write(fd, failure("FATAL", "53300", "sorry"))
		end)
		refused("severity:FATAL, code:53300, msg:later", function(fd)
			socket.write(fd, OK .. failure("FATAL", "53300", "later"))
		end)
		refused("answer to the login is unknown", function(fd) socket.write(fd, READY) end)
		refused("answer to the login is unknown", function(fd)
			socket.write(fd, msg("R", "\0"))
		end)
		refused("answer to the login is unknown", function(fd)
			socket.write(fd, OK .. row "x")
		end)
		refused("an answer is larger than 1048576 bytes", function(fd)
			socket.write(fd, "HTTP/1.1 400 Bad Request\r\n\r\n")
		end)
		refused("an answer is larger than 1048576 bytes", function(fd)
			socket.write(fd, "R\0\xff\xff\xff")
		end)
		local settings = {}
		for i = 1, 300 do settings[i] = msg("S", ("s%d\0x\0"):format(i)) end
		refused("has more than 256 settings", function(fd)
			socket.write(fd, OK .. table.concat(settings) .. READY)
		end)
		refused("an answer is larger than 1048576 bytes", function(fd)
			socket.write(fd, OK .. msg("N", "Mx\0\0"):rep(30000) .. READY)
		end)
	end },
	{ "TLS that is no TLS", function()
		local function tls(text, first)
			local id, _, port = socket.listen("127.0.0.1", 0)
			local asked
			socket.start(id, function(fd)
				socket.start(fd)
				asked = socket.read(fd, 8)
				socket.write(fd, first)
				socket.read(fd)
				socket.close(fd)
			end)
			local from = #tap.log()
			local ok, why = pcall(connect, port, { ssl = true, password = "secret" })
			assert(not ok and why == channel_error, tostring(why))
			equal(asked, pack(">I4I4", 8, 80877103))
			tap.logged(text, from)
			socket.close(id)
		end
		tls("the server has no TLS", "N")
		tls("the server's answer to TLS is unknown", failure("FATAL", "0", "no"))
		tls("the server's answer to TLS is unknown", "?")
		-- what is said in the clear behind the yes is not taken for an answer within TLS
		tls("SSL_do_handshake error:1 (wrong version number)", "S" .. WELCOME)
	end },
	{ "answers that break the protocol", function()
		local text = "the server sent "
		breaks(text .. "a message of an impossible size", "C\0\0\0\3")
		breaks(text .. "a message of an impossible size", "C\xff\xff\xff\xff")
		breaks(text .. "a message 'D' where none belongs", row "x")
		breaks(text .. "a message '?' where none belongs", msg("?", ""))
		breaks(text .. "a message 't' where none belongs", msg("t", "\0\0"))
		breaks(text .. "a message 'T' where none belongs", columns(25) .. columns(25))
		breaks(text .. "a message 'Z' where none belongs", columns(25) .. READY)
		breaks(text .. "a row that does not fit its columns", columns(25) .. row("x", "y"))
		breaks(text .. "a row that does not fit its columns", columns(25) .. msg("D", ""))
		breaks(text .. "a row that does not fit its columns",
			columns(25) .. msg("D", "\0\1\0\0\0\9x"))
		breaks(text .. "a row that does not fit its columns",
			columns(25) .. row "x" .. msg("D", "\0\1\0\0\0\1xy"))
		breaks(text .. "columns that are none", msg("T", "\0\2x"))
		breaks(text .. "columns that are none", msg("T", ""))
		breaks(text .. "columns that are none", msg("T", "\0\1" .. ("x"):rep(40)))
		breaks("a result of 65535 columns", msg("T", "\xff\xff"))
		breaks(text .. "the end of a command that is none", msg("C", "SELECT 1"))
		breaks(text .. "a notification that is none", msg("A", "\0\0\0\1x"))
		breaks(text .. "a setting that is none", msg("S", "x"))
		breaks(text .. "a message 'X' between the data of a copy",
			msg("H", "\0\0\0") .. msg("d", "x") .. msg("X", ""))
		breaks("COPY ... FROM STDIN is not possible", msg("G", "\0\0\0"))
		for type, v in pairs { [16] = "yes", [23] = "1.5", [20] = "", [701] = "0x10",
			[1700] = "one", [17] = "\\x0", [1007] = "{1,2", [1009] = "{a b}}",
			[1016] = "1", [1000] = "{t,maybe}", [1022] = "{{1},{2}" } do
			breaks(text .. "a value that is none of its type", columns(type) .. row(v))
		end
	end },
	{ "prepared statements that break the protocol", function()
		local function prepares(text, bytes)
			local db = connect(serve { answer = function(fd, kind)
				if kind == "S" then socket.write(fd, bytes) end
			end })
			raises(text, db.prepare, db, "select 1")
			db:disconnect()
		end
		prepares("parameters that are none", msg("1", "") .. msg("t", "\0\2\0\0\0\1"))
		prepares("parameters that are none", msg("1", "") .. msg("t", ""))
		prepares("a message 'C' where none belongs", msg("1", "") .. done "SELECT 1")
	end },
	{ "more than was asked for ends the connection", function()
		local answer = columns(25) .. row "x" .. done "SELECT 1" .. READY
		breaks("the server sent a message 'T' that nobody asked for", answer .. answer)
		breaks("the server sent a message 'Z' that nobody asked for", answer .. READY)
		breaks("the server sent a message 'E' that nobody asked for",
			answer .. failure("ERROR", "22012", "late"))
		local db = connect(serve { answer = function(fd)
			socket.write(fd, answer .. msg("S", "TimeZone\0UTC\0"))
		end })
		equal(db:query "select"[1].c1, "x")
		equal(db:query "select"[1].c1, "x")
		db:disconnect()
		db = connect(serve { answer = function(fd) -- the last word of a server is no answer
			socket.write(fd, answer .. failure("FATAL", "57P01", "stop"))
		end })
		equal(db:query "select"[1].c1, "x")
		tap.logged "pgsql: the server ends the session: stop"
		tap.until_true("its end", function() return not db.channel.inner.link end)
		equal(db:query "select"[1].c1, "x")
		db:disconnect()
	end },
	{ "floods meet the limit: rows, notices, settings, a copy, no bytes at all", function()
		local limit = { answer_max = 100000 }
		local text = "an answer is larger than 100000 bytes (answer_max)"
		local seen = 0
		breaks(text, columns(25) .. row(nil):rep(3000), limit)
		breaks(text, msg("S", "a\0b\0"):rep(3000), limit)
		breaks(text, msg("H", "\0\0\0") .. msg("d", ("x"):rep(1000)):rep(200), limit)
		breaks(text, "D\x7f\xff\xff\xff", limit)
		breaks(text, done "X":rep(3000), limit)
		limit.on_notice = function() seen = seen + 1 end
		breaks(text, msg("N", "Mx\0\0"):rep(3000), limit)
		assert(seen > 1000 and seen < 3000, seen)
	end },
	{ "errors without fields, with fields that nobody knows", function()
		local asked = 0
		local db = connect(serve { answer = function(fd)
			asked = asked + 1
			socket.write(fd, msg("E", asked == 1 and "\0" or "Xx\0Mm\0") .. READY)
		end })
		local r, other = db:query "select 1", db:query "select 2"
		equal(r.badresult, true)
		equal(r.message, "no message")
		equal(r.code, "XX000")
		equal(other.message, "m")
		db:disconnect()
	end },
	{ "a server that dies at every byte of its answer: requests fail, none hangs", function()
		local answer = columns(25, 23) .. row("text", "7") .. row(nil, "8")
			.. done "SELECT 2" .. READY
		local n = 0
		local db = connect(serve { answer = function(fd)
			socket.write(fd, answer:sub(1, n))
			return n < #answer
		end })
		for i = 0, #answer - 1 do
			n = i
			local ok, why = pcall(db.query, db, "select 1")
			assert(not ok and why == channel_error, i .. ": " .. tostring(why))
		end
		n = #answer
		local r = db:query "select 1"
		equal(r[1].c1, "text")
		equal(r[2].c2, 8)
		db:disconnect()
	end },
	{ "a server that dies at every step of the login", function()
		local n = 0
		local port = serve { login = function(fd)
			socket.write(fd, WELCOME:sub(1, n))
			return true
		end }
		for i = 0, #WELCOME - 1 do
			n = i
			local ok, why = pcall(connect, port)
			assert(not ok and why == channel_error, i .. ": " .. tostring(why))
		end
		n = #WELCOME
		connect(port):disconnect()
	end },
	{ "a silent server: the request fails in time, and the next one connects again", function()
		local asked = 0
		local db = connect(serve { answer = function(fd)
			asked = asked + 1
			if asked > 1 then
				socket.write(fd, done "X" .. READY)
			end
		end }, { timeout = 20 })
		raises("socket: no answer from 127.0.0.1:", db.query, db, "select 1")
		equal(db:query "select 1".command, "X")
		equal(asked, 2)
		db:disconnect()
		refused("socket: no answer from 127.0.0.1:", function(fd)
			socket.read(fd) -- until the client goes
		end, { timeout = 20 })
	end },
	{ "an error that ends the session is the last that is read", function()
		local db = connect(serve { answer = function(fd)
			socket.write(fd, failure("FATAL", "57P01", "stop") .. READY .. READY)
		end })
		local r = {}
		for i = 1, 2 do
			skynet.fork(function() r[i] = { pcall(db.query, db, "select 1") } end)
		end
		tap.until_true("both", function() return r[1] and r[2] end)
		equal(r[1][2].fatal, true)
		assert(not r[2][1] and r[2][2] == channel_error, tostring(r[2][2]))
		db:disconnect()
	end },
	{ "random answers in random pieces", function()
		local answer
		local db = connect(serve { answer = function(fd) trickle(fd, answer) end })
		for seed = 1, 300 do
			seeded(seed)
			local check
			answer, check = random_answer()
			local ok, why = pcall(function() check(db:query "select") end)
			assert(ok, seed_text .. ": " .. tostring(why))
		end
		db:disconnect()
	end },
	{ "in TLS: random answers in random pieces; a server that dies in the middle", function()
		local dir = beside.folder()
		local cert, key = beside.certificate(dir)
		local ctx, answer, dies = tlshelper.newctx(), nil, false
		ctx:set_cert(cert, key)
		local function in_tls(fd)
			equal(socket.read(fd, 8), pack(">I4I4", 8, 80877103))
			socket.write(fd, "S")
			local session = tlshelper.newtls("server", ctx)
			tlshelper.init_responsefunc(fd, session)()
			local get = tlshelper.readfunc(fd, session)
			local put = tlshelper.writefunc(fd, session)
			get(string.unpack(">I4", get(4)) - 4)
			put(WELCOME)
			while true do
				local n = string.unpack(">xI4", get(5))
				get(n - 4)
				if dies then
					return put(answer:sub(1, #answer // 2))
				end
				trickle({ write = put }, answer)
			end
		end
		local id, _, port = socket.listen("127.0.0.1", 0)
		socket.start(id, function(fd)
			socket.start(fd)
			pcall(in_tls, fd)
			socket.close(fd)
		end)
		local db = connect(port, { ssl = { ca = cert, name = "localhost" } })
		for seed = 1, 100 do
			seeded(seed)
			local check
			answer, check = random_answer()
			dies = seed % 10 == 0
			local ok, why = pcall(db.query, db, "select")
			if dies then
				assert(not ok and why == channel_error, seed_text .. tostring(why))
			else
				assert(ok, seed_text .. ": " .. tostring(why))
				check(why)
			end
		end
		db:disconnect()
		socket.close(id)
		os.execute("rm -rf " .. dir)
	end },
	{ "answers with bytes that were changed: an error at most, and the next works", function()
		local answer
		local db = connect(serve { answer = function(fd)
			socket.write(fd, answer)
			return true -- more than it has said is not to come
		end })
		local function ask()
			local ok, r = pcall(db.query, db, "select")
			tap.until_true("the end of that connection", function()
				return not db.channel.inner.link
			end)
			return ok, r
		end
		local failures = 0
		for seed = 1, 150 do
			seeded(seed)
			local bytes, check = random_answer()
			answer = bytes
			for _ = 1, random(1, 4) do
				local at = random(1, #answer)
				answer = answer:sub(1, at - 1) .. string.char(random(0, 255))
					.. answer:sub(at + 1)
			end
			local ok, r = ask()
			failures = failures + (ok and 0 or 1)
			local known = ok and type(r) == "table" or r == channel_error
				or type(r) == "string" and r:find "pgsql: "
			assert(known, seed_text .. ": " .. tostring(r))
			answer = bytes
			ok, r = ask()
			assert(ok, seed_text .. ", after that: " .. tostring(r))
			check(r)
		end
		assert(failures > 30, failures)
		db:disconnect()
	end },
}
