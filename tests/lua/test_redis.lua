-- SPDX-License-Identifier: MIT
-- skynet.db.redis against real servers: commands, results, errors, pipelines, large and binary
-- values, a server that is killed, subscriptions, passwords; and against a scripted one: garbage,
-- limits, silence.
local skynet = require "skynet"
local socket = require "skynet.socket"
local channel_error = require "skynet.socketchannel".error
local redis = require "skynet.db.redis"
local tap = require "tap"
local server = require "redis_server"
local beside = require "beside"
local equal, raises = tap.equal, tap.raises

if not server.there() then
	print "ok 1 - redis # SKIP the package redis-tools is not installed"
	print "1..1"
	require "skynet.manager"
	skynet.start(function() skynet.abort() end)
	return
end

local function lost(f, ...)
	local ok, why = pcall(f, ...)
	assert(not ok and why == channel_error, tostring(why))
end

-- What connects to a server, with further options.
local function at(s, conf)
	conf = conf or {}
	conf.host, conf.port = "127.0.0.1", s.port
	return conf
end

-- A server that answers each connection as `script(fd)` does. Returns a description for connect.
local function scripted(script)
	local id, _, port = socket.listen("127.0.0.1", 0)
	socket.start(id, function(fd)
		if socket.start(fd) then
			script(fd)
			socket.close(fd)
		end
	end)
	return { host = "127.0.0.1", port = port }, id
end

local s, db

tap.run {
	{ "strings, numbers, nil, arrays, states; arguments of any type", function()
		s = server.start()
		db = redis.connect(at(s))
		equal(db:set("a", "text"), "OK")
		equal(db:get "a", "text")
		equal(db:get "none", nil)
		equal(db:PING(), "PONG")
		equal(db:ping(nil), "PONG")
		equal(db:ping "echo", "echo")
		equal(db:incrby("n", 5), 5)
		equal(math.type(db:decrby("n", 2 ^ 53 | 0)), "integer")
		equal(db:set { "b", 1.5, n = 2 }, "OK")
		equal(db:get { "b" }, "1.5")
		for _, n in ipairs { 0x7fffffff, 0x7ffffffd, 0x80000000, 1000001 } do
			raises("too many", db.get, db, { "b", n = n })
			raises("too many", db.pipeline, db, { { "get", "b", n = n } })
		end
		for _, n in ipairs { 0, -1, math.maxinteger, math.mininteger, 0.5, 2.0 ^ 60 } do
			db:set("number", n)
			equal(db:get "number", tostring(n))
		end
		equal(db:set("c", true), "OK")
		equal(db:get "c", "true")
		db:set("d", setmetatable({}, { __tostring = function() return "shown" end }))
		equal(db:get "d", "shown")
		db:rpush("l", 1, "two", 3)
		equal(table.concat(db:lrange("l", 0, -1), ","), "1,two,3")
		local list = db:mget("a", "none", "b")
		equal(list[1], "text")
		equal(list[2], nil)
		equal(list[3], "1.5")
		equal(#db:lrange("none", 0, -1), 0)
		equal(db:blpop("none", 0.01), nil)
		local nested = db:eval("return {1, {2, {'x', {}}}, false}", 0)
		equal(nested[2][2][1], "x")
		equal(#nested[2][2][2], 0)
		equal(nested[3], nil)
	end },
	{ "exists and sismember are true or false", function()
		equal(db:exists "a", true)
		equal(db:exists "none", false)
		db:sadd("set", "m")
		equal(db:sismember("set", "m"), true)
		equal(db:sismember("set", "other"), false)
		raises("WRONGTYPE", db.sismember, db, "a", "m")
	end },
	{ "an error is a text behind a place; in an array the table is raised", function()
		local ok, why = pcall(function() db:incr "a" end)
		assert(why:match "test_redis%.lua:%d+: ERR value is not an integer", why)
		ok, why = pcall(db.incr, db, "a")
		assert(why:match "^[^:]+:%d+: ERR value is not an integer or out of range$", why)
		db:multi()
		equal(db:set("x", 1), "QUEUED")
		db:incr "a"
		db:get "x"
		ok, why = pcall(db.exec, db)
		assert(not ok and type(why) == "table")
		equal(why[1], "OK")
		equal(why[2], "ERR value is not an integer or out of range")
		equal(why[3], "1")
		equal(db:get "x", "1")
	end },
	{ "values with every byte, and of 10 MiB; a list of 100,000", function()
		local bytes = {}
		for i = 0, 255 do bytes[#bytes + 1] = string.char(i) end
		local all = table.concat(bytes) .. "\r\n$3\r\n"
		db:set("bin" .. all, all)
		equal(db:get("bin" .. all), all)
		local large = ("0123456789abcdef"):rep(655360) .. "end"
		db:set("large", large)
		assert(db:get "large" == large)
		local push = { "long" }
		for i = 1, 100000 do push[#push + 1] = i end
		equal(db:rpush(push), 100000)
		local long = db:lrange("long", 0, -1)
		equal(#long, 100000)
		equal(long[77777], "77777")
		equal(db:get "large" == large and db:del("large", "long"), 2)
	end },
	{ "pipelines: all answers in their order, errors among them, 10,000 commands", function()
		local resp = {}
		equal(db:pipeline({
			{ "set", "p", 1 },
			{ "incr", "p" },
			{ "incr", "a" },
			{ "get", "none" },
			{ "lrange", "l", 0, -1 },
		}, resp), resp)
		equal(#resp, 5)
		equal(resp[1].out, "OK")
		equal(resp[2].out, 2)
		equal(resp[3].ok, false)
		equal(resp[3].out, "ERR value is not an integer or out of range")
		assert(resp[4].ok and resp[4].out == nil)
		equal(resp[5].out[2], "two")
		db:pipeline({ { "ping" } }, resp)
		equal(resp[6].out, "PONG")
		equal(db:pipeline { { "set", "p", 5 }, { "incr", "p" } }, 6)
		equal(db:pipeline { { "incr", "a" }, { "incr", "p" } }, 7)
		local ops = { { "incr", "p" }, { "incr", "a" } }
		raises("ERR value is not an integer", db.pipeline, db, ops)
		raises("pipeline is null", db.pipeline, db, {})
		for _, ops in ipairs { {}, { "get" } } do -- the place is that of the program
			raises("test_redis.lua:", function() local _ = db:pipeline(ops) end)
		end
		ops = { { "ping" }, "ping" }
		raises("command 2 of the pipeline is no table", db.pipeline, db, ops)
		raises("command 1 of the pipeline has no name", db.pipeline, db, { {} })
		ops = {}
		for i = 1, 10000 do ops[i] = { "set", "k" .. i, i } end
		for i = 1, 10000 do ops[10000 + i] = { "get", "k" .. i } end
		resp = db:pipeline(ops, {})
		equal(#resp, 20000)
		for i = 1, 10000 do
			assert(resp[i].out == "OK" and resp[10000 + i].out == tostring(i))
		end
	end },
	{ "many tasks at once each get their own answer", function()
		local done = 0
		for i = 1, 100 do
			skynet.fork(function()
				for k = 1, 20 do
					db:set("t" .. i, k)
					equal(db:get("t" .. i), tostring(k))
				end
				done = done + 1
			end)
		end
		tap.until_true("100 tasks", function() return done == 100 end)
	end },
	{ "SELECT and AUTH, with a user's name, again on each connection", function()
		local locked = server.start "--requirepass secret"
		local one = redis.connect(at(locked, { auth = "secret", db = 3 }))
		one:set("where", "three")
		one:acl("setuser", "game", "on", ">pass", "~*", "+@all")
		local two = redis.connect(at(locked, { username = "game", auth = "pass", db = 3 }))
		equal(two:get "where", "three")
		equal(two:acl "whoami", "game")
		one:client("kill", "type", "normal")
		equal(two:acl "whoami", "game")
		equal(two:get "where", "three")
		local from = #tap.log()
		lost(redis.connect, at(locked, { auth = "wrong" }))
		tap.logged("socket: auth failed WRONGPASS", from)
		from = #tap.log()
		lost(redis.connect, at(locked, { auth = "secret", db = 99 }))
		tap.logged("socket: auth failed ERR DB index is out of range", from)
		local bare = redis.connect(at(locked))
		raises("NOAUTH", bare.get, bare, "where")
		locked:stop()
		lost(redis.connect, at(locked))
	end },
	{ "TLS: the server shows who it is, or there is no connection", function()
		local dir, port = beside.folder(), server.free_port()
		local cert, key = beside.certificate(dir)
		local safe = server.start(("--requirepass secret --tls-port %d --tls-cert-file %s "
			.. "--tls-key-file %s --tls-ca-cert-file %s --tls-auth-clients no")
			:format(port, cert, key, cert))
		local function conf(ssl)
			return { host = "127.0.0.1", port = port, auth = "secret", ssl = ssl }
		end
		local one = redis.connect(conf { ca = cert, name = "localhost" })
		local large = ("0123456789"):rep(200000)
		one:set("large", large)
		equal(one:get "large", large)
		local done = 0
		for i = 1, 100 do
			skynet.fork(function()
				equal(one:echo(i), tostring(i))
				done = done + 1
			end)
		end
		tap.until_true("100 answers", function() return done == 100 end)
		local w = redis.watch(conf { verify = false })
		w:subscribe "news"
		local got
		skynet.fork(function() got = w:message() end)
		tap.until_true("the message", function()
			one:publish("news", "x")
			return got
		end)
		one:client("kill", "type", "normal")
		equal(#one:pipeline({ { "get", "large" }, { "ping" } }, {})[1].out, #large)
		lost(redis.connect, conf(true))
		tap.logged "certificate verify failed: self-signed certificate"
		raises("redis: ssl has no option 'verfiy'", redis.connect, conf { verfiy = false })
		lost(redis.connect, at(safe, { ssl = true })) -- it does not speak TLS
		w:disconnect()
		one:disconnect()
		safe:stop()
		os.execute("rm -rf " .. dir)
	end },
	{ "a killed server: who waits gets the error object; subscriptions come back", function()
		local one = server.start()
		local c = redis.connect(at(one))
		local outcome
		skynet.fork(function()
			outcome = table.pack(pcall(c.blpop, c, "none", 0))
		end)
		local w = redis.watch(at(one))
		w:subscribe("news", "more")
		w:psubscribe "p*"
		w:unsubscribe "more"
		local got = {}
		skynet.fork(function()
			while true do
				local ok, data, from, pattern = pcall(w.message, w)
				if not ok then
					got.ended = data
					return
				end
				got[#got + 1] = ("%s %s %s"):format(data, from, pattern)
			end
		end)
		local p = redis.connect(at(one))
		tap.until_true("the subscription", function()
			return p:publish("news", "before") == 1
		end)
		tap.until_true("a message", function() return #got > 0 end)
		equal(got[1], "before news nil")
		equal(p:publish("px", "by pattern"), 1)
		tap.until_true("a message of a pattern", function() return #got > 1 end)
		equal(got[2], "by pattern px p*")
		one:kill "KILL"
		tap.until_true("the error", function() return outcome end)
		assert(not outcome[1] and outcome[2] == channel_error)
		lost(c.get, c, "x")
		one:run()
		equal(c:set("x", 1), "OK")
		tap.until_true("the subscription again", function()
			return p:publish("news", "after") == 1
		end)
		equal(p:publish("pq", "after"), 1)
		equal(p:publish("more", "unheard"), 0)
		tap.until_true("messages", function() return #got > 3 end)
		equal(got[3], "after news nil")
		equal(got[4], "after pq p*")
		w:disconnect()
		tap.until_true("the end", function() return got.ended end)
		equal(got.ended, channel_error)
		tap.until_true("no subscriber", function() return p:publish("news", "x") == 0 end)
		one:stop()
	end },
	{ "a subscriber that nobody keeps is closed", function()
		redis.watch(at(s)):subscribe "lonely"
		tap.until_true("no subscriber", function()
			collectgarbage()
			return db:publish("lonely", "x") == 0
		end)
	end },
	{ "time-outs: a silent server loses the connection, a slow command its caller", function()
		local c = redis.connect(at(s, { timeout = 20 }))
		equal(c:get "none", nil)
		local slow
		skynet.fork(function()
			slow = table.pack(pcall(c.within, c, 200, "blpop", "none", 0.6))
		end)
		skynet.yield()
		raises("no answer from 127.0.0.1:" .. s.port .. " within 0.20 s", c.get, c, "a")
		tap.until_true("the slow one", function() return slow end)
		assert(slow[1] and slow[2] == nil, tostring(slow[2]))
		equal(c:get "a", "text")
		s:kill "STOP"
		raises("no answer from", c.get, c, "a")
		lost(redis.connect, at(s, { timeout = 20, auth = "x" }))
		s:kill "CONT"
		equal(c:get "a", "text")
		raises("within needs a number", c.within, c, 0, "get", "a")
		raises("timeout must be a number above 0", redis.connect, { timeout = 0 })
		raises("a table with the server's host expected", redis.connect, "host")
		raises("test_redis.lua:", function() local _ = redis.connect { port = 1 } end)
		raises("redis: there is no host", redis.connect, { port = 1 })
	end },
	{ "a server that answers garbage, or too much: a text that says so", function()
		for garbage, text in pairs {
			["HTTP/1.1 400 Bad\r\n"] = "a byte that no reply begins with",
			["$x\r\n"] = "no number where one belongs",
			["$-2\r\n"] = "a string of an impossible length",
			["*-5\r\n"] = "an array of an impossible length",
			["$3\r\nabcde"] = "a string without an end of line behind it",
			[":1\n"] = "a line that does not end with CR LF",
			[":" .. ("1"):rep(40)] = "a line that is too long",
			["$4611686018427387904\r\n"] = "a string of an impossible length",
			[":9223372036854775808\r\n"] = "no number where one belongs",
			["$2000000\r\n"] = "more bytes than a reply may have",
			[("*1\r\n"):rep(200)] = "arrays that are nested too deeply",
		} do
			local to = scripted(function(fd)
				socket.readline(fd)
				socket.write(fd, garbage)
				socket.readline(fd, "never")
			end)
			to.maxreply = 1000000
			local c = redis.connect(to)
			raises(text, c.ping, c)
			c:disconnect()
		end
	end },
	{ "a reply that comes byte by byte", function()
		local to = scripted(function(fd)
			socket.readline(fd)
			local reply = "*3\r\n$5\r\nhe\nlo\r\n*2\r\n:-12\r\n$-1\r\n+OK\r\n"
			for byte in reply:gmatch "." do
				socket.write(fd, byte)
				skynet.yield()
			end
			socket.readline(fd, "never")
		end)
		local c = redis.connect(to)
		local list = c:any()
		equal(list[1], "he\nlo")
		equal(list[2][1], -12)
		equal(list[2][2], nil)
		equal(list[3], "OK")
	end },
	{ "disconnect: the client is none any more; who waits is told", function()
		local c = redis.connect(at(s))
		local why
		skynet.fork(function() why = select(2, pcall(c.blpop, c, "none", 0)) end)
		skynet.yield()
		c:disconnect()
		equal(getmetatable(c), nil)
		equal(c.get, nil)
		tap.until_true("the error", function() return why == channel_error end)
		db:disconnect()
		s:stop()
	end },
	{ "crc16 of the XMODEM kind", function()
		local crc16 = require "skynet.db.redis.crc16"
		equal(crc16 "123456789", 0x31c3)
		equal(crc16 "", 0)
	end },
}
