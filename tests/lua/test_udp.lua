-- SPDX-License-Identifier: MIT
-- UDP of skynet.socket and its driver: two sockets of this service, and a peer on Python's asyncio.
local skynet = require "skynet"
local socket = require "skynet.socket"
local driver = require "skynet.socketdriver"

local mode = ...

if mode == "slow" then
	-- opens a socket and then does not come to read
	skynet.start(function()
		local got, id = 0, nil
		skynet.dispatch("lua", function(_, _, what, n)
			if what == "open" then
				id = socket.udp(function() got = got + 1 end, "127.0.0.1", 0)
				local port
				for _, s in ipairs(socket.netstat()) do
					port = s.id == id and s.sock or port
				end
				skynet.retpack(id, port)
			elseif what == "sleep" then
				skynet.retpack(true)
				local till = os.clock() + n
				while os.clock() < till do end
			elseif what == "got" then
				skynet.retpack(got)
			elseif what == "exit" then
				skynet.retpack(true)
				skynet.exit()
			end
		end)
	end)
	return
end

local python = require "python"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

-- ---- helpers ----

-- An end that remembers what came: ends{...}.got[i] = {datagram, address}
local function open(...)
	local e = { got = {} }
	e.id = socket.udp(function(data, from)
		e.got[#e.got + 1] = { data, from }
	end, ...)
	return e
end

local function info(id)
	for _, s in ipairs(socket.netstat()) do
		if s.id == id then
			return s
		end
	end
end

local function port_of(e)
	return tonumber(info(e.id).sock:match ":(%d+)$")
end

local function arrived(e, n)
	tap.until_true(("datagram %d"):format(n), function() return e.got[n] end)
	return table.unpack(e.got[n])
end

local function record(ip, port)
	local a, b, c, d = ip:match "(%d+)%.(%d+)%.(%d+)%.(%d+)"
	if a then
		return string.pack(">BI2BBBB", 1, port, a, b, c, d)
	end
	assert(ip == "::1")
	return string.pack(">BI2", 2, port) .. ("\0"):rep(15) .. "\1"
end

-- ---- tests ----

tap.run {
	{ "a datagram arrives whole, with its sender's address byte by byte", function()
		local a, b = open("127.0.0.1", 0), open("127.0.0.1", 0)
		local pa, pb = port_of(a), port_of(b)
		equal(socket.sendto(a.id, record("127.0.0.1", pb), "hello"), true)
		local data, from = arrived(b, 1)
		equal(data, "hello")
		equal(from, record("127.0.0.1", pa))
		local ip, port = socket.udp_address(from)
		equal(ip, "127.0.0.1")
		equal(port, pa)
		socket.sendto(b.id, from, "and back")
		equal(arrived(a, 1), "and back")
		equal(info(a.id).type, "UDP")
		equal(info(a.id).peer, nil)
		equal(info(a.id).read, 8)
		equal(info(a.id).write, 5)
		socket.close(a.id)
		socket.close(b.id)
		equal(info(a.id), nil)
		equal(socket.sendto(a.id, record("127.0.0.1", pb), "late"), false)
	end },
	{ "IPv6", function()
		local a, b = open("::1", 0), open("[::1]:0")
		local pa, pb = port_of(a), port_of(b)
		equal(socket.sendto(a.id, record("::1", pb), "six"), true)
		local data, from = arrived(b, 1)
		equal(data, "six")
		equal(from, record("::1", pa))
		equal(socket.sendto(b.id, from, ("6"):rep(65527)), true)
		equal(#arrived(a, 1), 65527)
		equal(socket.sendto(b.id, from, ("6"):rep(65528)), false)
		local ip, port = socket.udp_address(from)
		equal(ip, "::1")
		equal(port, pa)
		socket.close(a.id)
		socket.close(b.id)
	end },
	{ "an empty datagram and the largest one, and one more byte", function()
		local a, b = open("127.0.0.1", 0), open("127.0.0.1", 0)
		local to = record("127.0.0.1", port_of(b))
		equal(socket.sendto(a.id, to, ""), true)
		equal(arrived(b, 1), "")
		local most = ("m"):rep(65507)
		equal(socket.sendto(a.id, to, most), true)
		equal(arrived(b, 2) == most, true)
		local from = #tap.log()
		equal(socket.sendto(a.id, to, most .. "m"), false)
		tap.logged("65508 bytes", from)
		equal(info(a.id).wdropped, 1)
		equal(socket.sendto(a.id, to, "lives"), true)
		equal(arrived(b, 3), "lives")
		socket.close(a.id)
		socket.close(b.id)
	end },
	{ "whatever holds bytes can be sent", function()
		local a, b = open("127.0.0.1", 0), open("127.0.0.1", 0)
		local to = record("127.0.0.1", port_of(b))
		equal(socket.sendto(a.id, to, { "a", 1, "b" }), true)
		equal(arrived(b, 1), "a1b")
		equal(socket.sendto(a.id, to, { "x", "y" }), true)
		equal(arrived(b, 2), "xy")
		equal(socket.sendto(a.id, to, driver.str2p "block"), true)
		equal(arrived(b, 3), "block")
		raises("Invalid strings table", socket.sendto, a.id, to, { {} })
		raises("Invalid udp address", socket.sendto, a.id, "\1\2", "x")
		raises("Invalid udp address", socket.sendto, a.id, "", "x")
		raises("Invalid udp address", socket.udp_address, to .. "x")
		raises("Invalid udp address", socket.udp_address, "\3" .. to:sub(2))
		socket.close(a.id)
		socket.close(b.id)
	end },
	{ "the default peer: udp_connect, write, lwrite, udp_dial", function()
		local b = open("127.0.0.1", 0)
		local port = port_of(b)
		local a = open()
		local from = #tap.log()
		equal(socket.write(a.id, "to nobody"), false)
		tap.logged("no default peer", from)
		socket.udp_connect(a.id, "127.0.0.1", port)
		equal(info(a.id).peer, "127.0.0.1:" .. port)
		equal(socket.write(a.id, "one"), true)
		equal(arrived(b, 1), "one")
		equal(socket.lwrite(a.id, "two"), true)
		equal(arrived(b, 2), "two")
		equal(socket.write(a.id, ""), true)
		equal(arrived(b, 3), "")
		local answers = {}
		local c = socket.udp_dial("127.0.0.1:" .. port, nil, function(data)
			answers[#answers + 1] = data
		end)
		socket.write(c, { "th", "ree" })
		local data, address = arrived(b, 4)
		equal(data, "three")
		socket.sendto(b.id, address, "answer")
		tap.until_true("the answer", function() return answers[1] == "answer" end)
		socket.udp_connect(c, "127.0.0.1", port, function(data) answers.other = data end)
		socket.sendto(b.id, address, "to the other function")
		tap.until_true("the other function", function() return answers.other end)
		for _, id in ipairs { a.id, b.id, c } do
			socket.close(id)
		end
	end },
	{ "udp_connect takes over a socket that the driver made", function()
		local b = open("127.0.0.1", 0)
		local id, got = driver.udp(), nil
		socket.udp_connect(id, "127.0.0.1", port_of(b), function(data) got = data end)
		socket.write(id, "x")
		local _, from = arrived(b, 1)
		socket.sendto(b.id, from, "taken")
		tap.until_true("the datagram", function() return got == "taken" end)
		socket.close(id)
		socket.close(b.id)
	end },
	{ "the other family of addresses is refused and harms nothing", function()
		local a, b = open("127.0.0.1", 0), open("127.0.0.1", 0)
		local from = #tap.log()
		equal(socket.sendto(a.id, record("::1", 9), "x"), false)
		tap.logged("the other family", from)
		socket.udp_connect(a.id, "::1", 9)
		tap.logged("protocol mismatch", from)
		socket.sendto(a.id, record("127.0.0.1", port_of(b)), "lives")
		equal(arrived(b, 1), "lives")
		socket.close(a.id)
		socket.close(b.id)
	end },
	{ "a port that nobody has does not end the socket", function()
		local gone = open("127.0.0.1", 0)
		local nobody = port_of(gone)
		socket.close(gone.id)
		local a, b = open("127.0.0.1", 0), open("127.0.0.1", 0)
		socket.udp_connect(a.id, "127.0.0.1", nobody)
		for _ = 1, 200 do
			equal(socket.write(a.id, "anybody?"), true)
		end
		socket.sendto(a.id, record("127.0.0.1", port_of(b)), "lives")
		equal(arrived(b, 1), "lives")
		equal(socket.disconnected(a.id), false)
		socket.close(a.id)
		socket.close(b.id)
	end },
	{ "udp_listen, and what cannot be opened", function()
		local a = open("127.0.0.1", 0)
		local port = port_of(a)
		socket.close(a.id)
		local got
		local id = socket.udp_listen("127.0.0.1", port, function(data) got = data end)
		local b = open()
		socket.sendto(b.id, record("127.0.0.1", port), "heard")
		tap.until_true("the datagram", function() return got == "heard" end)
		raises("udp listen host failed", socket.udp_listen, "127.0.0.1", 0, print)
		raises("udp listen host failed", socket.udp_listen, "192.0.2.1", 9, print)
		raises("Cannot assign requested address", socket.udp_listen, "192.0.2.1", 9, print)
		raises("udp init failed", socket.udp, print, "192.0.2.1", 9)
		raises("udp dial host failed", socket.udp_dial, "no.such.host.invalid", 9, print)
		raises("udp connect failed", socket.udp_connect, b.id, "no.such.host.invalid", 9)
		raises("udp connect failed", driver.udp_connect, 2 ^ 30 | 0, "127.0.0.1", 9)
		raises("Invalid address", socket.udp, print, "nonsense")
		raises("a function for datagrams", socket.udp, 1)
		raises("UDP socket", socket.read, b.id)
		raises("UDP socket", socket.readline, b.id)
		socket.close(id)
		socket.close(b.id)
	end },
	{ "pause leaves the rest to the kernel, start goes on", function()
		local a, b = open("127.0.0.1", 0), open("127.0.0.1", 0)
		local to = record("127.0.0.1", port_of(b))
		socket.pause(b.id)
		socket.sendto(a.id, to, "later")
		skynet.sleep(5)
		equal(#b.got, 0)
		driver.start(b.id)
		equal(arrived(b, 1), "later")
		socket.close(a.id)
		socket.close(b.id)
	end },
	{ "a datagram without a callback is dropped and logged, once for a flood", function()
		local a = open("127.0.0.1", 0)
		local id = socket.udp(nil, "127.0.0.1", 0)
		local to = record("127.0.0.1", tonumber(info(id).sock:match ":(%d+)$"))
		local from = #tap.log()
		for _ = 1, 100 do
			socket.sendto(a.id, to, "x")
		end
		tap.logged("drop udp package", from)
		tap.until_true("all have come", function() return info(id).read == 100 end)
		local _, lines = tap.log():sub(from + 1):gsub("drop udp package", "")
		equal(lines <= 2, true)
		socket.close(a.id)
		socket.close(id)
	end },
	{ "an error in the callback ends one task, not the socket", function()
		local a = open("127.0.0.1", 0)
		local n = 0
		local id = socket.udp(function(data)
			n = n + 1
			error(data)
		end, "127.0.0.1", 0)
		local to = record("127.0.0.1", tonumber(info(id).sock:match ":(%d+)$"))
		socket.sendto(a.id, to, "first")
		socket.sendto(a.id, to, "second")
		tap.until_true("both", function() return n == 2 end)
		socket.close(a.id)
		socket.close(id)
	end },
	{ "a peer on asyncio: echo, a burst, an answer from another port", function()
		local port, quit = python("udp_peer.py", "127.0.0.1")
		local a = open("127.0.0.1", 0)
		socket.udp_connect(a.id, "127.0.0.1", port)
		local binary = {}
		for i = 0, 255 do
			binary[#binary + 1] = string.char(i)
		end
		binary = table.concat(binary)
		socket.write(a.id, "echo " .. binary)
		local data, from = arrived(a, 1)
		equal(data, binary)
		equal(from, record("127.0.0.1", port))
		socket.write(a.id, "burst 50 500")
		arrived(a, 51)
		for i = 1, 50 do
			equal(a.got[1 + i][1]:sub(1, 8), ("%08d"):format(i - 1))
			equal(#a.got[1 + i][1], 500)
		end
		socket.write(a.id, "move elsewhere")
		data, from = arrived(a, 52)
		equal(data, "elsewhere")
		equal(from ~= record("127.0.0.1", port), true)
		quit()
		-- now nobody is there: ICMP errors come back, and the socket stays
		for _ = 1, 50 do
			socket.write(a.id, "echo lost")
		end
		equal(socket.disconnected(a.id), false)
		socket.close(a.id)
	end },
	{ "a peer on asyncio over IPv6", function()
		local port, quit = python("udp_peer.py", "::1")
		local a = open("::1", 0)
		socket.sendto(a.id, record("::1", port), "echo six")
		local data, from = arrived(a, 1)
		equal(data, "six")
		equal(from, record("::1", port))
		quit()
		socket.close(a.id)
	end },
	{ "a flood for a service that does not read is bounded, the kernel drops it", function()
		local slow = skynet.newservice("test_udp", "slow")
		local id, sock = skynet.call(slow, "lua", "open")
		local to = record("127.0.0.1", tonumber(sock:match ":(%d+)$"))
		skynet.call(slow, "lua", "sleep", 1)
		local a = open("127.0.0.1", 0)
		local data = ("f"):rep(1000)
		for i = 1, 20000 do
			socket.sendto(a.id, to, data)
			if i % 100 == 0 then
				skynet.yield()
			end
		end
		-- two marks of 256 KiB untaken at most, and what one turn reads besides
		local read = info(id).read
		equal(read > 100000 and read < 2 << 20, true)
		equal(info(id).rdropped > 1000, true)
		equal(info(a.id).wdropped, 0)
		tap.until_true("it works on", function()
			return skynet.call(slow, "lua", "got") > 0
		end)
		socket.sendto(a.id, to, "more")
		local before = info(id).read
		tap.until_true("it reads on", function()
			socket.sendto(a.id, to, data)
			return info(id).read > before
		end)
		skynet.call(slow, "lua", "exit")
		tap.until_true("its socket is closed", function()
			socket.sendto(a.id, to, "x")
			return not info(id)
		end)
		socket.close(a.id)
	end },
	{ "a datagram for an id that nobody here has opened is dropped and logged", function()
		local a, b = open("127.0.0.1", 0), driver.udp("127.0.0.1", 0)
		local to = record("127.0.0.1", tonumber(info(b).sock:match ":(%d+)$"))
		skynet.sleep(100) -- the last such line is a second ago
		local from = #tap.log()
		socket.sendto(a.id, to, "x")
		tap.logged("drop udp package", from)
		driver.close(b)
		socket.close(a.id)
	end },
}
