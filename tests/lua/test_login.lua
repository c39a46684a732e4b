-- SPDX-License-Identifier: MIT
-- snax.loginserver and snax.msgserver, row by row and byte by byte.
local skynet = require "skynet"
require "skynet.manager"
local socket = require "skynet.socket"
local crypt = require "skynet.crypt"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises
local b64, unb64 = crypt.base64encode, crypt.base64decode

local master, port

-- ---- a client of the login server ----

local function line(fd) return (socket.readline(fd)) end

-- Steps 1 to 3; returns fd, secret, challenge.
local function begin()
	local fd = assert(socket.open("127.0.0.1", port))
	local challenge = unb64(line(fd))
	equal(#challenge, 8)
	local key = crypt.randomkey()
	socket.write(fd, b64(crypt.dhexchange(key)) .. "\n")
	local public = unb64(line(fd))
	equal(#public, 8)
	return fd, crypt.dhsecret(public, key), challenge
end

local function finish(fd)
	local answer = line(fd)
	equal(socket.read(fd), false)   -- the server closes
	socket.close(fd)
	return answer
end

-- The whole talk: the answer and the secret.
local function login(token)
	local fd, secret, challenge = begin()
	socket.write(fd, b64(crypt.hmac64(challenge, secret)) .. "\n"
		.. b64(crypt.desencode(secret, token)) .. "\n")
	return finish(fd), secret
end

-- ---- a client of the msgserver ----

local gate, gate_port, secret, username

local function send_frame(fd, text) socket.write(fd, (">s2"):pack(text)) end

local function frame(fd)
	local head = socket.read(fd, 2)
	if head then
		return socket.read(fd, (">I2"):unpack(head))
	end
	return nil
end

local function connect(text)
	local fd = assert(socket.open("127.0.0.1", gate_port))
	send_frame(fd, text)
	return fd, frame(fd)
end

local function greeting(index, key, name)
	local text = (name or username) .. ":" .. index
	return text .. ":" .. b64(crypt.hmac_hash(key or secret, text))
end

local function refused(text)
	local fd, answer = connect(text)
	equal(frame(fd), nil)
	socket.close(fd)
	return answer
end

local function ask(fd, text, session) send_frame(fd, text .. (">I4"):pack(session)) end

-- text, ok, session of the next answer
local function answer(fd)
	local text = assert(frame(fd), "the connection was closed")
	local ok, session = (">I1I4"):unpack(text, -5)
	return text:sub(1, -6), ok, session
end

local function request(fd, text, session)
	ask(fd, text, session)
	local got, ok, same = answer(fd)
	equal(same, session)
	return got, ok
end

local function tell(...) return skynet.call(gate, "lua", ...) end

tap.run {
	{ "a login server is one service that starts its slaves", function()
		master = skynet.newservice "login_sample"
		equal(skynet.localname ".login_sample", master)
		port = skynet.call(master, "lua", "port")
		local slaves = 0
		for _, what in pairs(skynet.call(".launcher", "lua", "LIST")) do
			slaves = slaves + (what:find "login_sample" and 1 or 0)
		end
		equal(slaves, 3)
	end },
	{ "200: the subid; both ends have the secret; command_handler answers", function()
		local said, mine = login "ann@home:sesame"
		equal(said, "200 " .. b64 "home/ann/7")
		local theirs, second = skynet.call(master, "lua", "secret", "ann")
		equal(theirs, crypt.hexencode(mine))
		equal(second, "second")
		equal(login "plain@home:sesame", "200 ")   -- no subid
	end },
	{ "401: the token, the challenge, the key", function()
		equal(login "ann@home:wrong", "401 Unauthorized")
		equal(login "", "401 Unauthorized")
		local fd, shared = begin()
		socket.write(fd, b64(crypt.hmac64("12345678", shared)) .. "\n")
		equal(finish(fd), "401 Unauthorized")
		for _, key in ipairs { "", b64 "short", b64 "123456789", "!=!=",
			b64 "\0\0\0\0\0\0\0\0" } do
			fd = assert(socket.open("127.0.0.1", port))
			line(fd)
			socket.write(fd, key .. "\n")
			local said = line(fd)
			equal(said, "401 Unauthorized")
			socket.close(fd)
		end
		local challenge
		fd, shared, challenge = begin()
		socket.write(fd,
			b64(crypt.hmac64(challenge, shared)) .. "\n" .. b64 "not of 8" .. "x\n")
		equal(finish(fd), "401 Unauthorized")
	end },
	{ "403: login_handler raised; it may be tried again", function()
		equal(login "banned@home:sesame", "403 Forbidden")
		equal(login "banned@home:sesame", "403 Forbidden")
	end },
	{ "406: the same user while he is being logged in", function()
		local first
		skynet.fork(function() first = login "slow@home:sesame" end)
		tap.until_true("the first",
			function() return skynet.call(master, "lua", "waits") end)
		equal(login "slow@home:sesame", "406 Not Acceptable")
		equal(login "eve@home:sesame", "200 " .. b64 "home/eve/7")
		skynet.call(master, "lua", "let")
		tap.until_true("its end", function() return first end)
		equal(first, "200 " .. b64 "home/slow/7")
	end },
	{ "multilogin: the same user twice at a time", function()
		local here, there = port, skynet.newservice "login_multi"
		port = skynet.call(there, "lua", "port")
		local other
		skynet.fork(function() other = login "twice" end)
		local mine = login "twice" -- whichever comes first waits for the other
		tap.until_true("the other", function() return other end)
		port = here
		local all = { mine, other }
		table.sort(all)
		equal(all[1], "200 " .. b64 "first")
		equal(all[2], "200 " .. b64 "second")
	end },
	{ "clients that leave or send too much harm nobody", function()
		for _ = 1, 5 do
			socket.close(assert(socket.open("127.0.0.1", port)))
		end
		local fd = assert(socket.open("127.0.0.1", port))
		socket.write(fd, ("x"):rep(20000))
		line(fd)
		equal(line(fd), false)
		socket.close(fd)
		equal(login "ann@home:sesame", "200 " .. b64 "home/ann/7")
	end },
	{ "what a login server needs", function()
		local make = require "snax.loginserver"
		raises("at least one instance", make, { instance = 0 })
		raises("needs conf.port", make, {})
		raises("needs conf.auth_handler", make, { port = 1 })
	end },

	{ "a msgserver: open with a servername, login, names", function()
		gate = skynet.newservice "msg_sample"
		raises("opened with a servername", tell, "open",
			{ address = "127.0.0.1", port = 0 })
		skynet.kill(gate)
		gate = skynet.newservice "msg_sample"
		local address
		address, gate_port = tell("open",
			{ address = "127.0.0.1", port = 0, servername = "home" })
		equal(address, "127.0.0.1")
		equal(tell("kick", "told"), "open:home")
		secret = "8 bytes!"
		local two
		username, two = tell("login", "ann", secret)
		equal(username, b64 "ann" .. "@" .. b64 "home" .. "#" .. b64 "7")
		equal(two, "two")
		raises("is logged in already", tell, "login", "ann", secret)
		raises("no command 'nosuch'", tell, "nosuch")
		local uid, subid, server = tell("kick", "userid", username)
		equal(uid .. subid .. server, "ann7home")
		raises("is no user name", tell, "kick", "userid", "ann")
	end },
	{ "handshakes: every answer", function()
		equal(refused "nonsense", "404 User Not Found")
		equal(refused(username), "404 User Not Found")
		equal(refused(greeting(1, secret, "nobody")), "404 User Not Found")
		equal(refused(greeting(1, "wrongkey")), "401 Unauthorized")
		equal(refused(greeting "x"), "400 Bad Request")
		equal(refused(username .. ":1:!=!="), "400 Bad Request")
		equal(refused(greeting(0)), "403 Index Expired")
		equal(tell("kick", "ip", "ann"), nil)
		local fd, said = connect(greeting(5))
		equal(said, "200 OK")
		assert(tell("kick", "ip", "ann"):find "^127%.0%.0%.1:%d+$")
		equal(refused(greeting(5)), "403 Index Expired")   -- a replay
		equal(refused(greeting(4)), "403 Index Expired")
		equal(request(fd, "still here", 1), "still here from ann 1")
		socket.close(fd)
		local left = "left:" .. username
		tap.until_true("the disconnect",
			function() return tell("kick", "told"):find(left, 1, true) end)
		equal(tell("kick", "ip", "ann"), nil)
	end },
	{ "requests: answers, failures, a number that is used anew", function()
		local fd, said = connect(greeting(6))
		equal(said, "200 OK")
		equal(request(fd, "a", 0xfffffffe), "a from ann 2")
		local text, ok = request(fd, "raise", 2)
		equal(text .. ok, "0")
		text, ok = request(fd, "large", 3)
		equal(text .. ok, "0")
		text, ok = request(fd, "nothing", 4)
		equal(text .. ok, "1")
		equal(request(fd, "anew", 4), "anew from ann 6")
		socket.close(fd)
	end },
	{ "the next connection gets the same answer, and the request is handled once", function()
		local fd = connect(greeting(10))
		equal(request(fd, "b", 20), "b from ann 7")
		ask(fd, "wait", 21)
		tap.until_true("the request", function() return tell("kick", "handled") == 8 end)
		local again = connect(greeting(11))
		equal(frame(fd), nil)   -- the earlier connection is closed
		socket.close(fd)
		equal(request(again, "b", 20), "b from ann 7")
		ask(again, "wait", 21)
		equal(request(again, "c", 22), "c from ann 9")
		tell("kick", "let")
		local text, ok, session = answer(again)
		equal(text, "wait from ann 9")
		equal(session * 10 + ok, 211)
		equal(tell("kick", "handled"), 9)
		-- many later ones, and it is forgotten
		for i = 30, 36 do
			request(again, "d", i)
		end
		socket.close(again)
		fd = connect(greeting(12))
		equal(request(fd, "b", 20), "b from ann 17")
		socket.close(fd)
	end },
	{ "a number that is in use, and what is too short, end the connection", function()
		local fd = connect(greeting(20))
		local from = #tap.log()
		ask(fd, "wait", 1)
		ask(fd, "wait", 1)
		equal(frame(fd), nil)
		tap.logged("Conflict session 1", from)
		socket.close(fd)
		tell("kick", "let")
		fd = connect(greeting(21))
		send_frame(fd, "abc")
		equal(frame(fd), nil)
		tap.logged("less than 4 bytes", from)
		socket.close(fd)
	end },
	{ "logout closes the connection and forgets the user", function()
		local fd = connect(greeting(30))
		local uid, subid = tell("logout", "ann", 7)
		equal(uid .. subid, "ann7")
		equal(frame(fd), nil)
		socket.close(fd)
		equal(refused(greeting(31)), "404 User Not Found")
		tell("login", "ann", "another!")
		equal(refused(greeting(1)), "401 Unauthorized")
		local _, said = connect(greeting(1, "another!"))
		equal(said, "200 OK")
	end },
	{ "random bytes in place of handshakes and requests", function()
		math.randomseed(7)
		local function junk()
			local t = {}
			for i = 1, math.random(0, 40) do
				t[i] = string.char(math.random(0, 255))
			end
			return table.concat(t)
		end
		for i = 1, 60 do
			local text = i % 2 == 0 and junk()
				or username .. ":" .. junk() .. ":" .. junk()
			local fd = assert(socket.open("127.0.0.1", gate_port))
			send_frame(fd, text)
			local said = frame(fd)
			assert(said:find "^40%d " and said ~= "200 OK", said)
			socket.close(fd)
		end
		local fd, said = connect(greeting(2, "another!"))
		equal(said, "200 OK")
		socket.close(fd)
	end },
}
