-- SPDX-License-Identifier: MIT
-- skynet.socket over loopback: both ends in this service, a second service where one is needed.
local skynet = require "skynet"
local socket = require "skynet.socket"
local driver = require "skynet.socketdriver"

local mode, arg = ...

if mode == "taker" then
	-- takes over a socket, or opens one and ends
	skynet.start(function()
		skynet.dispatch("lua", function(_, _, what, id)
			if what == "take" then
				skynet.retpack(socket.start(id))
				while true do
					local line = socket.readline(id)
					if not line then
						break
					end
					socket.write(id, "taker got " .. line .. "\n")
				end
				socket.close(id)
			elseif what == "open" then
				skynet.retpack(socket.open("127.0.0.1", id))
			elseif what == "exit" then
				skynet.retpack(true)
				skynet.exit()
			end
		end)
	end)
	return
end

local tap = require "tap"

local function eventually(what, f)
	for _ = 1, 1000 do
		local r = f()
		if r then
			return r
		end
		skynet.sleep(1)
	end
	error("in vain: " .. what, 2)
end

local function equal(a, b)
	if a ~= b then
		error(string.format("%q is not %q", tostring(a):sub(1, 200),
			tostring(b):sub(1, 200)), 2)
	end
end

local function raises(text, f, ...)
	local ok, err = pcall(f, ...)
	if ok or not tostring(err):find(text, 1, true) then
		error(string.format("expected the error %q, got %s", text, tostring(err)), 2)
	end
end

local function info(id)
	for _, i in ipairs(socket.netstat()) do
		if i.id == id then
			return i
		end
	end
end

-- The two ends of a connection.
local function pair()
	local server
	local token = {}
	local lid, _, port = socket.listen("127.0.0.1", 0)
	socket.start(lid, function(fd)
		server = fd
		skynet.wakeup(token)
	end)
	local client = assert(socket.open("127.0.0.1", port))
	if not server then
		skynet.wait(token)
	end
	assert(socket.start(server))
	socket.close(lid)
	return client, server
end

local function close(...)
	for _, id in ipairs { ... } do
		socket.close(id)
	end
end

-- Runs f in another coroutine; the result's join() waits for its values.
local function spawn(f, ...)
	local job = { done = false }
	skynet.fork(function(...)
		job.values = table.pack(f(...))
		job.done = true
		skynet.wakeup(job)
	end, ...)
	function job.join()
		if not job.done then
			skynet.wait(job)
		end
		return table.unpack(job.values, 1, job.values.n)
	end
	return job
end

tap.run {
	{ "listen on port 0 gives id, address and the real port", function()
		local id, ip, port = socket.listen("127.0.0.1", 0)
		assert(id > 0 and ip == "127.0.0.1" and port > 0)
		equal(socket.start(id, print), id)
		equal(info(id).type, "LISTEN")
		equal(info(id).sock, "127.0.0.1:" .. port)
		socket.close(id)
		assert(socket.invalid(id) and not info(id))
	end },

	{ "an address may hold its port", function()
		local id, ip, port = socket.listen("127.0.0.1:0")
		equal(ip, "127.0.0.1")
		socket.start(id, socket.close_fd)
		local fd = assert(socket.open("127.0.0.1:" .. port))
		equal(socket.readall(fd), "")
		close(fd, id)
	end },

	{ "a bad address raises", function()
		raises("Invalid port", socket.open, "127.0.0.1", 0)
		raises("Invalid address nowhere.", socket.open, "nowhere")
		raises("Invalid port in address a:b.", socket.open, "a:b")
		raises("Invalid address [::1.", socket.listen, "[::1")
	end },

	{ "listening on a taken port raises Listen error", function()
		local id, _, port = socket.listen("127.0.0.1", 0)
		raises(("Listen error (listen 127.0.0.1:%d: Address already in use)"):format(port),
			socket.listen, "127.0.0.1", port)
		socket.close(id)
	end },

	{ "listeners that say reuseport share a port, and its connections", function()
		local id1, _, port = socket.listen("127.0.0.1", 0, nil, "reuseport")
		local id2 = socket.listen("127.0.0.1", port, nil, "reuseport")
		local got, mine = { [id1] = 0, [id2] = 0 }, {}
		for id in pairs(got) do
			socket.start(id, function(new)
				got[id] = got[id] + 1
				socket.start(new)
				socket.close(new)
			end)
		end
		-- the system chooses by the client's port: that one gets all of 64 does not happen
		for i = 1, 64 do
			mine[i] = socket.open("127.0.0.1", port)
		end
		eventually("all are accepted", function() return got[id1] + got[id2] == 64 end)
		assert(got[id1] > 0 and got[id2] > 0, got[id1])
		raises("Address already in use", socket.listen, "127.0.0.1", port)
		raises("Address already in use", socket.listen, "127.0.0.1", port, nil, "alone")
		raises("invalid option 'both'", socket.listen, "127.0.0.1", 0, nil, "both")
		for _, id in ipairs(mine) do
			socket.close(id)
		end
		socket.close(id1)
		socket.close(id2)
	end },

	{ "opening a port where nobody listens gives nil and the reason", function()
		local lid, _, port = socket.listen("127.0.0.1", 0)
		socket.close(lid)
		local id, err = socket.open("127.0.0.1", port)
		equal(id, nil)
		equal(err, "Connection refused")
	end },

	{ "binding a descriptor that is not open gives nil and a reason", function()
		local id, err = socket.bind(1000000)
		assert(id == nil and type(err) == "string")
	end },

	{ "starting a dead id gives nil, invalid socket", function()
		local id, err = socket.start(0x7ffffffe)
		equal(id, nil)
		equal(err, "invalid socket")
		assert(socket.invalid(0x7ffffffe))
	end },

	{ "the accept function gets id and address, may wait, and does not hold up others",
		function()
		local seen, release = {}, {}
		local lid, _, port = socket.listen("127.0.0.1", 0)
		socket.start(lid, function(fd, from)
			seen[#seen + 1] = from
			if #seen == 1 then
				skynet.wait(release)
			end
			socket.start(fd)
			socket.write(fd, from .. "\n")
			socket.close(fd)
		end)
		local first = socket.open("127.0.0.1", port)
		eventually("first accept", function() return #seen == 1 end)
		local second = socket.open("127.0.0.1", port)
		local line = socket.readline(second)
		assert(line:match "^127%.0%.0%.1:%d+$")
		equal(line, seen[2])
		skynet.wakeup(release)
		equal(socket.readline(first), seen[1])
		close(first, second, lid)
	end },

	{ "read(n) gives exactly n bytes over many arrivals and leaves the rest", function()
		local c, s = pair()
		local job = spawn(socket.read, s, 10)
		for i = 0, 11 do
			socket.write(c, tostring(i % 10))
			skynet.sleep(0)
		end
		equal(job.join(), "0123456789")
		equal(socket.read(s, 2), "01")
		close(c, s)
	end },

	{ "read without n gives what there is and waits for at least one byte", function()
		local c, s = pair()
		local job = spawn(socket.read, s)
		skynet.sleep(1)
		assert(not job.done)
		socket.write(c, "abc")
		equal(job.join(), "abc")
		socket.write(c, "x\ndef")
		equal(socket.readline(s), "x")
		equal(socket.read(s), "def")
		close(c, s)
	end },

	{ "readline splits at any separator, also over arrivals", function()
		local c, s = pair()
		socket.write(c, "one\n\nthree\nfo")
		equal(socket.readline(s), "one")
		equal(socket.readline(s), "")
		equal(socket.readline(s, "\n"), "three")
		local job = spawn(socket.readline, s)
		socket.write(c, "u")
		skynet.sleep(1)
		assert(not job.done)
		socket.write(c, "r\nhead: x\r\n\r")
		equal(job.join(), "four")
		job = spawn(socket.readline, s, "\r\n\r\n")
		skynet.sleep(1)
		socket.write(c, "\nbody")
		equal(job.join(), "head: x")
		equal(socket.read(s, 4), "body")
		close(c, s)
	end },

	{ "at the end of the stream reads give false and the rest", function()
		local c, s = pair()
		socket.write(c, "abc")
		socket.close(c)
		local ok, rest = socket.read(s, 10)
		assert(ok == false and rest == "abc")
		ok, rest = socket.read(s, 10)
		assert(ok == false and rest == "")
		ok, rest = socket.read(s)
		assert(ok == false and rest == "")
		equal(socket.readall(s), false)
		equal(socket.block(s), false)
		socket.close(s)

		c, s = pair()
		local job = spawn(socket.readline, s)
		socket.write(c, "no end")
		socket.close(c)
		ok, rest = job.join()
		assert(ok == false and rest == "no end")
		socket.close(s)
	end },

	{ "what was buffered is readable after the end of the stream", function()
		local c, s = pair()
		socket.write(c, "one\ntwo\nrest")
		socket.close(c)
		eventually("end", function() return socket.disconnected(s) end)
		equal(socket.readline(s), "one")
		equal(socket.read(s, 4), "two\n")
		equal(socket.readall(s), "rest")
		equal(socket.readall(s), false)
		socket.close(s)
	end },

	{ "readall waits for the end", function()
		local c, s = pair()
		local job = spawn(socket.readall, s)
		local data = string.rep("0123456789", 50000)
		socket.write(c, data)
		skynet.sleep(1)
		assert(not job.done)
		socket.close(c)
		equal(job.join(), data)
		socket.close(s)
	end },

	{ "block waits for the next arrival, whatever is buffered", function()
		local c, s = pair()
		socket.write(c, "a\nb")
		equal(socket.readline(s), "a")
		local job = spawn(socket.block, s)
		skynet.sleep(1)
		assert(not job.done)
		socket.write(c, "c")
		equal(job.join(), true)
		equal(socket.read(s), "bc")
		job = spawn(socket.block, s)
		socket.close(c)
		equal(job.join(), false)
		socket.close(s)
	end },

	{ "only one coroutine reads a socket", function()
		local c, s = pair()
		local job = spawn(socket.readline, s)
		skynet.sleep(0)
		for _, read in ipairs { socket.read, socket.readline, socket.readall,
			socket.block } do
			raises("assertion failed!", read, s)
		end
		socket.write(c, "x\n")
		equal(job.join(), "x")
		close(c, s)
	end },

	{ "reading an unknown id raises assertion failed!", function()
		for _, read in ipairs { socket.read, socket.readline, socket.readall } do
			raises("assertion failed!", read, 0x7ffffffe)
		end
		equal(socket.block(0x7ffffffe), false)
	end },

	{ "reading an id that listens raises, whatever its state", function()
		local id = socket.listen("127.0.0.1", 0)
		for state = 1, 2 do
			for _, read in ipairs { socket.read, socket.readline, socket.readall,
				socket.block } do
				local ok, why = pcall(function()
					local data = read(id)
					return data
				end)
				assert(not ok, why)
				assert(why:find("test_socket.lua:%d+: "
					.. "socket %d+ listens for connections"), why)
			end
			if state == 1 then
				socket.start(id, function() end)
			end
		end
		socket.close(id)
		raises("assertion failed!", socket.read, id)
		local dull = socket.listen("127.0.0.1", 0)
		socket.start(dull) -- without a function that takes connections
		raises("listens for connections", socket.read, dull)
		socket.close(dull)
	end },
	{ "close wakes the reader, waits for the end, and forgets the id", function()
		local c, s = pair()
		local order = {}
		local job = spawn(function()
			local r = socket.readline(s)
			order[#order + 1] = "reader"
			return r
		end)
		skynet.sleep(0)
		socket.close(s)
		order[#order + 1] = "closer"
		equal(job.join(), false)
		equal(table.concat(order, " "), "reader closer")
		assert(socket.invalid(s))
		socket.close(s) -- nothing to do
		equal(socket.readall(c), "")
		socket.close(c)
	end },

	{ "close sends what is queued", function()
		local c, s = pair()
		socket.pause(s)
		local chunk = string.rep("x", 1 << 20)
		for _ = 1, 12 do
			assert(socket.write(c, chunk))
		end
		assert(info(c).wbuffer > 0)
		socket.close(c)
		equal(socket.write(c, "more"), false)
		local total = 0
		while true do
			local data = socket.read(s)
			if not data then
				break
			end
			total = total + #data
		end
		equal(total, 12 << 20)
		socket.close(s)
	end },

	{ "shutdown drops what is queued; the id is still to be closed", function()
		local c, s = pair()
		socket.pause(s)
		for _ = 1, 12 do
			socket.write(c, string.rep("x", 1 << 20))
		end
		socket.shutdown(c)
		eventually("disconnected", function() return socket.disconnected(c) end)
		equal(socket.write(c, "more"), false)
		assert(not socket.invalid(c))
		socket.close(c)
		assert(socket.invalid(c))
		assert(#(socket.readall(s) or "") < 12 << 20)
		socket.close(s)
	end },

	{ "a peer that ended can be written to until the kernel says no", function()
		local c, s = pair()
		socket.close(c)
		eventually("end", function() return socket.disconnected(s) end)
		equal(socket.write(s, "still"), true)
		eventually("refusal", function() return not socket.write(s, "still") end)
		socket.close(s)
	end },

	{ "write takes strings, arrays, numbers, blocks and gives false for a dead id", function()
		local c, s = pair()
		assert(socket.write(c, "plain "))
		assert(socket.write(c, { "ar", "ray", " " }))
		assert(socket.write(c, { "n=", 12, "/", 1.5, " " }))
		assert(socket.write(c, { "up to nil ", nil, "lost" }))
		assert(socket.write(c, {}))
		assert(socket.write(c, driver.str2p "block "))
		assert(socket.write(c, 42))
		assert(socket.lwrite(c, " low "))
		assert(socket.lwrite(c, { "array", "\n" }))
		equal(socket.readline(s), "plain array n=12/1.5 up to nil block 42 low array")
		assert(socket.write(c, io.stdout, 0))
		raises("size is out of range", socket.write, c, io.stdout, -1)
		raises("size is out of range", socket.write, c, io.stdout, 1 << 20)
		raises("Invalid strings table", socket.write, c, { "a", {} })
		raises("Invalid strings table", socket.write, c, { true })
		raises("string expected", socket.write, c, nil)
		close(c, s)
		equal(socket.write(c, "x"), false)
		equal(socket.write(c, { "x" }), false)
		equal(socket.lwrite(c, "x"), false)
		equal(socket.write(c, driver.str2p "x"), false)
	end },

	{ "what is written with low priority is overtaken", function()
		local c, s = pair()
		socket.pause(s)
		while info(c).wbuffer == 0 do
			socket.write(c, string.rep("x", 1 << 20))
		end
		socket.lwrite(c, "low\n")
		socket.write(c, "\nhigh\n")
		assert(socket.readline(s):match "^x+$")
		equal(socket.readline(s), "high")
		equal(socket.readline(s), "low")
		close(c, s)
	end },

	{ "a socket that nobody reads is paused above 128 KiB and resumed by the next read",
		function()
		local c, s = pair()
		local sent = 0
		eventually("pause", function()
			local step = string.rep("x", 8192)
			socket.write(c, step)
			sent = sent + #step
			return info(s).reading == false
		end)
		local got = info(s).read
		assert(got > 128 * 1024 and got <= sent, got)
		socket.write(c, string.rep("x", 8192))
		sent = sent + 8192
		skynet.sleep(2)
		equal(info(s).read, got)
		equal(#socket.read(s, sent), sent)
		equal(info(s).reading, true)
		close(c, s)
	end },

	{ "pause stops reading until the next read that waits", function()
		local c, s = pair()
		socket.pause(s)
		socket.write(c, "late\n")
		skynet.sleep(2)
		equal(info(s).read, 0)
		equal(socket.readline(s), "late")
		close(c, s)
	end },

	{ "limit closes a socket whose buffer runs over", function()
		local c, s = pair()
		socket.limit(s, 1000)
		local job = spawn(socket.readline, s)
		socket.write(c, string.rep("x", 1001))
		local line, rest = job.join()
		assert(line == false and rest == "")
		assert(socket.disconnected(s))
		equal(socket.readall(c), "")
		close(c, s)
	end },

	{ "with a limit of 0 nothing may wait", function()
		local c, s = pair()
		socket.limit(s, 0)
		socket.write(c, "x")
		tap.until_true("the end", function() return socket.disconnected(s) end)
		close(c, s)
	end },

	{ "limit does not hold for reads of a fixed size", function()
		local c, s = pair()
		socket.limit(s, 1000)
		local job = spawn(socket.read, s, 5000)
		socket.write(c, string.rep("x", 2500))
		skynet.sleep(1)
		socket.write(c, string.rep("x", 2500))
		equal(#job.join(), 5000)
		equal(socket.disconnected(s), false)
		close(c, s)
	end },

	{ "warning tells of 1 MiB, 2 MiB, 4 MiB ... in the queue, and of its end", function()
		local c, s = pair()
		local told = {}
		socket.warning(c, function(id, kib)
			equal(id, c)
			told[#told + 1] = kib
		end)
		socket.pause(s)
		while info(c).wbuffer < 9 << 20 do
			socket.write(c, string.rep("x", 256 << 10))
		end
		eventually("warnings", function() return #told >= 4 end)
		local total = 0
		repeat
			total = total + #socket.read(s)
		until info(c).wbuffer == 0
		eventually("all clear", function() return told[#told] == 0 end)
		for i = 1, 4 do
			local at = 1024 << (i - 1)
			assert(told[i] >= at and told[i] < at + 1024, told[i])
		end
		equal(#told, 5)
		close(c, s)
	end },

	{ "onclose is called once, when the socket counts as disconnected", function()
		local c, s = pair()
		local calls = {}
		socket.onclose(s, function(id)
			calls[#calls + 1] = { id, socket.disconnected(id) }
		end)
		socket.close(c)
		eventually("onclose", function() return #calls == 1 end)
		assert(calls[1][1] == s and calls[1][2] == true)
		socket.close(s)
		equal(#calls, 1)

		c, s = pair()
		socket.onclose(c, function() error "cleared" end)
		socket.onclose(c, nil)
		socket.onclose(s, function(id) calls[2] = id end)
		close(s, c)
		equal(calls[2], s)
	end },

	{ "start raises for an id that is started or has onclose", function()
		local c, s = pair()
		raises("socket is not closed", socket.start, s)
		raises("Use socket.close instead", socket.close_fd, s)
		socket.abandon(s)
		socket.onclose(s, print)
		raises("socket has onclose callback", socket.start, s)
		socket.onclose(s, nil)
		equal(socket.start(s), s)
		close(c, s)
	end },

	{ "unread says what has come and was not read", function()
		local c, s = pair()
		equal(socket.unread(s), 0)
		socket.write(c, "hello")
		eventually("five bytes", function() return socket.unread(s) == 5 end)
		equal(socket.read(s, 2), "he")
		equal(socket.unread(s), 3)
		close(c, s)
		equal(socket.unread(s), nil)
	end },

	{ "disconnected and invalid say what is known", function()
		local c, s = pair()
		equal(socket.disconnected(s), false)
		equal(socket.invalid(s), false)
		socket.close(c)
		eventually("end", function() return socket.disconnected(s) == true end)
		equal(socket.invalid(s), false)
		equal(socket.disconnected(c), nil)
		equal(socket.invalid(c), true)
		socket.close(s)
	end },

	{ "abandon forgets the id without closing it and wakes the reader", function()
		local c, s = pair()
		local job = spawn(socket.readline, s)
		skynet.sleep(0)
		socket.abandon(s)
		equal(job.join(), false)
		assert(socket.invalid(s))
		equal(info(s).type, "TCP")
		equal(socket.start(s), s)
		socket.write(c, "on\n")
		equal(socket.readline(s), "on")
		close(c, s)
	end },

	{ "writelimit bounds what waits for a peer, by the policy that it names", function()
		local client, server = pair()
		socket.pause(client)
		local before, policy = socket.writelimit(server)
		equal(before, 16 * 1024 * 1024)
		equal(policy, "close")
		equal(socket.writelimit(server, 65536, "error"), 65536)
		equal(select(2, socket.writelimit(server)), "error")
		local heard = {}
		socket.warning(server, function(_, kib)
			heard[#heard + 1] = kib
		end)
		local piece, taken = ("x"):rep(16384), 0
		while socket.write(server, piece) do
			taken = taken + #piece
		end
		local i = info(server)
		equal(i.wlimit, 65536)
		equal(i.wpolicy, "error")
		equal(i.wrefused, 1)
		assert(i.wbuffer > 0 and i.wbuffer <= 65536)
		equal(#socket.read(client, taken), taken)
		eventually("it is told that all has gone out", function()
			return heard[2]
		end)
		assert(heard[1] > 0)
		equal(heard[2], 0)
		equal(socket.write(server, "again"), true)
		equal(socket.read(client, 5), "again")
		raises("bad argument", socket.writelimit, server, -1)
		raises("bad argument", socket.writelimit, server, 1, "wait")
		equal(socket.writelimit(0x7fffff00, 1), false)
		-- the other policy ends the connection; who waits on it wakes
		socket.pause(client)
		assert(socket.writelimit(server, 65536, "close"))
		local closed
		socket.onclose(server, function()
			closed = true
		end)
		local reader = spawn(socket.readline, server)
		while socket.write(server, piece) do
		end
		eventually("it is closed", function()
			return closed
		end)
		equal(reader.join(), false)
		equal(socket.write(server, "x"), false)
		close(client, server)
	end },

	{ "what a listener accepts has the bound of the listener", function()
		local server
		local lid, _, port = socket.listen("127.0.0.1", 0)
		assert(socket.writelimit(lid, 131072, "error"))
		socket.start(lid, function(fd)
			server = fd
		end)
		local client = assert(socket.open("127.0.0.1", port))
		eventually("it is accepted", function()
			return server
		end)
		assert(socket.start(server))
		local i = info(server)
		equal(i.wlimit, 131072)
		equal(i.wpolicy, "error")
		close(client, server, lid)
	end },

	{ "a socket moves to another service", function()
		local taker = skynet.newservice(SERVICE_NAME, "taker")
		local c, s = pair()
		socket.write(c, "first\n")
		equal(socket.readline(s), "first")
		socket.abandon(s)
		equal(skynet.call(taker, "lua", "take", s), s)
		equal(info(s).address, taker)
		socket.write(c, "second\n")
		equal(socket.readline(c), "taker got second")
		socket.close(c)
		eventually("end", function() return not info(s) end)
		skynet.call(taker, "lua", "exit")
	end },

	{ "the sockets of a service end with it", function()
		local lid, _, port = socket.listen("127.0.0.1", 0)
		local got
		socket.start(lid, function(fd) got = fd end)
		local taker = skynet.newservice(SERVICE_NAME, "taker")
		assert(skynet.call(taker, "lua", "open", port))
		eventually("accept", function() return got end)
		assert(socket.start(got))
		skynet.call(taker, "lua", "exit")
		equal(socket.readall(got), "")
		close(got, lid)
	end },

	{ "a unix socket is opened by its address", function()
		local addr = "unix:@harbord-test-" .. skynet.self() .. "-" .. skynet.hpc()
		local lid = socket.listen(addr)
		socket.start(lid, function(fd)
			socket.start(fd)
			socket.write(fd, "over unix\n")
			socket.close(fd)
		end)
		local fd = assert(socket.open(addr))
		equal(socket.readline(fd), "over unix")
		close(fd, lid)
	end },

	{ "resolve gives the addresses of a name or raises", function()
		local found = {}
		for _, ip in ipairs(socket.resolve "localhost") do
			found[ip] = true
		end
		assert(found["127.0.0.1"] or found["::1"])
		assert(not pcall(socket.resolve, "name.invalid."))
	end },

	{ "netstat counts bytes of both ends", function()
		local c, s = pair()
		socket.write(c, "12345\n")
		equal(socket.readline(s), "12345")
		local i, j = info(c), info(s)
		assert(i.type == "TCP" and i.write == 6 and i.read == 0
			and i.address == skynet.self())
		assert(j.read == 6 and j.write == 0 and j.reading and not j.writing
			and j.wbuffer == 0)
		assert(i.peer:match "^127%.0%.0%.1:%d+$")
		close(c, s)
	end },

	{ "two hundred connections talk at the same time", function()
		local lid, _, port = socket.listen("127.0.0.1", 0, 256)
		socket.start(lid, function(fd)
			socket.start(fd)
			while true do
				local line = socket.readline(fd)
				if not line then
					break
				end
				socket.write(fd, { line:reverse(), "\n" })
			end
			socket.close(fd)
		end)
		local jobs = {}
		for i = 1, 200 do
			jobs[i] = spawn(function()
				local fd = assert(socket.open("127.0.0.1", port))
				for round = 1, 20 do
					local text = i .. ":" .. round
					socket.write(fd, text .. "\n")
					equal(socket.readline(fd), text:reverse())
				end
				socket.close(fd)
				return true
			end)
		end
		for i = 1, 200 do
			assert(jobs[i].join())
		end
		socket.close(lid)
		eventually("all closed", function()
			for _, i in ipairs(socket.netstat()) do
				if i.address == skynet.self() then
					return false
				end
			end
			return true
		end)
	end },
	{ "a reader that is killed leaves its bytes to the next one", function()
		local a, b = pair()
		local victim = skynet.fork(function() socket.readline(a) end)
		skynet.yield()
		raises("assertion failed!", socket.readline, a)
		skynet.killthread(victim)
		socket.write(b, "one\ntwo\n")
		equal(socket.readline(a), "one")
		equal(socket.readline(a), "two")
		socket.close(a)
		socket.close(b)
	end },
	{ "a program that puts itself before the dispatch of sockets sees every packet", function()
		local a, b = pair()
		local seen, old = {}
		old = skynet.dispatch("socket", function(session, source, event, id, ud, data)
			seen[#seen + 1] = event
			return old(session, source, event, id, ud, data)
		end)
		socket.write(b, "x\n")
		equal(socket.readline(a), "x")
		equal(seen[1], 1)
		skynet.dispatch("socket", old)
		socket.write(b, "y\n")
		equal(socket.readline(a), "y")
		socket.close(a)
		socket.close(b)
	end },
	{ "an event that finds no memory in the service comes again: who waits for it is woken",
		function()
		local eater = skynet.newservice "socket_eater"
		local id, _, port = socket.listen("127.0.0.1", 0)
		socket.start(id, function(fd)
			socket.start(fd)
			socket.read(fd, 1)
			socket.close(fd)
		end)
		for what, wanted in pairs { open = "open", read = "end" } do
			local from = #tap.log()
			equal(skynet.calltimeout(2000, eater, "lua", what, port), wanted)
			tap.logged("lua memory error", from)
		end
		skynet.kill(eater)
		socket.close(id)
	end },
	{ "a socket that nobody reads pauses after 128 KiB, and goes on when somebody does",
		function()
		local text, from = ("x"):rep(1 << 20), #tap.log()
		local id, _, port = socket.listen("127.0.0.1", 0)
		socket.start(id, function(fd)
			socket.start(fd)
			socket.write(fd, text)
			socket.close(fd)
		end)
		local c = socket.open("127.0.0.1", port)
		tap.logged(("Pause socket (%d) size : "):format(c), from)
		local size = tap.log():match("Pause socket %(%d+%) size : (%d+)", from)
		equal(tonumber(size) > 131072, true)
		equal(socket.read(c, #text) == text, true)
		tap.logged(("Resume socket (%d)"):format(c), from)
		socket.close(c)
		socket.close(id)
	end },
}
