-- SPDX-License-Identifier: MIT
-- skynet.kcp between two ends of this service, also through a relay that loses, doubles and
-- reorders datagrams by a seed.
local skynet = require "skynet"
local socket = require "skynet.socket"
local kcp = require "skynet.kcp"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

-- ---- helpers ----

-- A listener that gives back what it is sent. Its id, and its port.
local function echo(options, seen)
	local id, ip, port = kcp.listen("127.0.0.1", 0, function(s, from, token)
		if seen then
			seen[#seen + 1] = { id = s, from = from, token = token }
		end
		while true do
			local data, why = kcp.recv(s)
			if not data then
				if seen then
					seen.why = why
				end
				kcp.close(s)
				return
			end
			kcp.send(s, data)
		end
	end, options)
	equal(ip, "127.0.0.1")
	return id, port
end

local function connect(port, options)
	return assert(kcp.connect("127.0.0.1", port, options))
end

local function sock_port(id)
	for _, s in ipairs(socket.netstat()) do
		if s.id == id then
			return tonumber(s.sock:match ":(%d+)$")
		end
	end
end

-- A relay in front of a port: of a hundred datagrams so many are lost, so many come twice, all are
-- late by up to so many centiseconds. Each client has a socket of its own behind it.
local function relay(to, seed, lose, twice, late)
	local r = { lose = lose, twice = twice, passed = 0, outer = {} }
	math.randomseed(seed)
	local function pass(send)
		r.passed = r.passed + 1
		for _ = 1, math.random(100) <= r.twice and 2 or 1 do
			if math.random(100) > r.lose then
				if late > 0 then
					skynet.timeout(math.random(0, late), send)
				else
					send()
				end
			end
		end
	end
	r.front = socket.udp(function(data, from)
		local out = r.outer[from]
		if not out then
			out = socket.udp_dial("127.0.0.1", to, function(answer)
				pass(function() socket.sendto(r.front, from, answer) end)
			end)
			r.outer[from] = out
		end
		pass(function() socket.write(out, data) end)
	end, "127.0.0.1", 0)
	r.port = sock_port(r.front)
	-- the clients' addresses change
	function r.move()
		for _, out in pairs(r.outer) do
			socket.close(out)
		end
		r.outer = {}
	end
	function r.close()
		socket.close(r.front)
		r.move()
	end
	return r
end

local function count_udp()
	local n = 0
	for _, s in ipairs(socket.netstat()) do
		n = n + (s.type == "UDP" and 1 or 0)
	end
	return n
end

-- ---- tests ----

tap.run {
	{ "messages go there and back, in order and as they were", function()
		local seen = {}
		local lid, port = echo(nil, seen)
		local id = connect(port, { token = "who I am" })
		for i = 0, 50 do
			local data = string.rep(string.char(i), i * i * 4)
			assert(kcp.send(id, data))
			equal(kcp.recv(id), data)
		end
		equal(#seen, 1)
		equal(seen[1].token, "who I am")
		equal(seen[1].from:match "^127%.0%.0%.1:%d+$" ~= nil, true)
		equal(kcp.address(id), "127.0.0.1:" .. port)
		local stats = kcp.stats(id)
		equal(stats.state, "ready")
		equal(stats.rejected + stats.outside, 0)
		equal(kcp.stats(lid).sessions, 1)
		kcp.close(id)
		tap.until_true("the end at the other side", function() return seen.why end)
		equal(seen.why, "closed by the peer")
		kcp.close(lid)
	end },
	{ "a listener may be closed in the moment in which something was sent", function()
		local ends = {}
		local lid, _, port = kcp.listen("127.0.0.1", 0, function(s)
			ends[1] = s
		end)
		local id = connect(port)
		while not ends[1] do
			skynet.sleep(1)
		end
		assert(kcp.send(ends[1], "said, and not sent"))
		kcp.close(lid)
		local data, why = kcp.recv(ends[1])
		equal(data, false)
		equal(why, "the listener is closed")
		kcp.close(ends[1])
		data, why = kcp.recv(id)
		equal(data, false)
		equal(why, "closed by the peer")
		kcp.close(id)
	end },
	{ "what is sent before a close arrives before it", function()
		local lid, _, port = kcp.listen("127.0.0.1", 0, function(s)
			for i = 1, 300 do
				kcp.send(s, "message " .. i)
			end
			kcp.close(s)
		end)
		local id = connect(port)
		for i = 1, 300 do
			equal(kcp.recv(id), "message " .. i)
		end
		local data, why = kcp.recv(id)
		equal(data, false)
		equal(why, "closed by the peer")
		equal(kcp.disconnected(id), true)
		equal(kcp.send(id, "x"), false)
		kcp.close(id)
		equal(kcp.disconnected(id), nil)
		kcp.close(lid)
	end },
	{ "a network that loses, doubles and reorders", function()
		local lid, port = echo()
		local r = relay(port, 4711, 15, 10, 3)
		local id = connect(r.port)
		local sent = {}
		skynet.fork(function()
			for i = 1, 300 do
				sent[i] = i .. ":" .. string.rep("x", math.random(0, 3000))
				while not kcp.send(id, sent[i]) do
					skynet.sleep(5)
				end
			end
		end)
		for i = 1, 300 do
			equal(kcp.recv(id), sent[i])
		end
		local stats = kcp.stats(id)
		assert(stats.late + stats.early > 0, "nothing was sent again")
		assert(stats.twice > 0, "nothing came twice")
		kcp.close(id)
		kcp.close(lid)
		r.close()
	end },
	{ "small messages go along with later ones", function()
		local lid, port = echo()
		local r = relay(port, 8, 20, 0, 5)
		local id = connect(r.port, { redundancy = 2 })
		for i = 1, 60 do
			kcp.send(id, "message " .. i)
			skynet.sleep(1)
		end
		for i = 1, 60 do
			equal(kcp.recv(id), "message " .. i)
		end
		assert(kcp.stats(id).along > 10)
		kcp.close(id)
		kcp.close(lid)
		r.close()
	end },
	{ "a session follows its peer to another address", function()
		local seen = {}
		local lid, port = echo(nil, seen)
		local r = relay(port, 1, 0, 0, 0)
		local id = connect(r.port)
		kcp.send(id, "one")
		equal(kcp.recv(id), "one")
		local before = kcp.address(seen[1].id)
		r.move()
		kcp.send(id, "two")
		equal(kcp.recv(id), "two")
		equal(kcp.address(seen[1].id) ~= before, true)
		equal(kcp.stats(lid).moved, 1)
		equal(#seen, 1)
		kcp.close(id)
		kcp.close(lid)
		r.close()
	end },
	{ "a stream has no boundaries", function()
		local lid, port = echo { stream = true }
		local id = connect(port, { stream = true })
		kcp.send(id, "ab")
		kcp.send(id, "cd")
		kcp.send(id, "efg")
		equal(kcp.read(id, 3), "abc")
		equal(kcp.read(id, 1), "d")
		equal(kcp.read(id, 3), "efg")
		kcp.send(id, "rest")
		equal(kcp.read(id, 1), "r")
		equal(kcp.recv(id), "est")
		kcp.close(id)
		kcp.close(lid)
	end },
	{ "plain KCP, without a greeting: the conv is agreed elsewhere", function()
		local lid, port = echo { plain = true }
		local id = connect(port, { conv = 12345 })
		kcp.send(id, "hello")
		equal(kcp.recv(id), "hello")
		equal(kcp.stats(id).conv, 12345)
		kcp.send(id, "again")
		equal(kcp.recv(id), "again")
		tap.until_true("the proof", function() return kcp.stats(lid).unanswered == 0 end)
		kcp.close(id)
		kcp.close(lid)
	end },
	{ "plain KCP with convs that a login has given out", function()
		local seen = {}
		local lid, port = echo({ plain = true, expected = true }, seen)
		equal(kcp.expect(lid, 4711), true)
		equal(kcp.stats(lid).expected, 1)
		local wrong = connect(port, { conv = 4712 })
		kcp.send(wrong, "let me in")
		local id = connect(port, { conv = 4711 })
		kcp.send(id, "hello")
		equal(kcp.recv(id), "hello")
		local second = connect(port, { conv = 4711 })
		kcp.send(second, "me too")
		equal(select(2, kcp.recv(second, 20)), "timeout")
		equal(select(2, kcp.recv(wrong, 1)), "timeout")
		equal(#seen, 1)
		equal(kcp.expect(-lid, 1), false)
		raises("1 to 4294967295 expected, got 0", kcp.expect, lid, 0)
		for _, s in ipairs { wrong, id, second } do
			kcp.options(s, { dead_link = 2 })
			kcp.close(s)
		end
		kcp.close(lid)
	end },
	{ "limits of a listener", function()
		local lid, port = echo { per_address = 3 }
		local ids = {}
		for i = 1, 3 do
			ids[i] = connect(port)
		end
		local id, why = kcp.connect("127.0.0.1", port)
		equal(id, nil)
		equal(why, "refused: too many sessions of this address")
		equal(kcp.stats(lid).refused, 1)
		kcp.close(ids[1])
		tap.until_true("room", function() return kcp.stats(lid).sessions == 2 end)
		ids[1] = connect(port)
		kcp.close(lid)
		for i = 1, 3 do
			local data, err = kcp.recv(ids[i])
			equal(data, false)
			equal(err, "closed by the peer")
			kcp.close(ids[i])
		end
	end },
	{ "garbage makes no session and does not disturb one", function()
		local seen = {}
		local lid, port = echo(nil, seen)
		local id = connect(port)
		local stranger = socket.udp_dial("127.0.0.1", port, function() end)
		math.randomseed(5)
		for i = 1, 300 do
			local bytes = {}
			for k = 1, math.random(0, 60) do
				bytes[k] = string.char(math.random(0, 255))
			end
			local head = i % 3 == 0 and string.pack("<I4", kcp.stats(id).conv)
				or i % 3 == 1 and "\0\0\0\0hk\1" or ""
			socket.write(stranger, head .. table.concat(bytes))
		end
		kcp.send(id, "still here")
		equal(kcp.recv(id), "still here")
		equal(#seen, 1)
		socket.close(stranger)
		kcp.close(id)
		kcp.close(lid)
	end },
	{ "nobody answers", function()
		local silent = socket.udp(function() end, "127.0.0.1", 0)
		local start = skynet.now()
		local id, why = kcp.connect("127.0.0.1", sock_port(silent), { timeout = 300 })
		equal(id, nil)
		equal(why, "connect timed out")
		local took = skynet.now() - start
		assert(took >= 30 and took < 300, took)
		socket.close(silent)
	end },
	{ "silence ends a session, a sign of life keeps it", function()
		local lid, port = echo()
		local r = relay(port, 3, 0, 0, 0)
		local id = connect(r.port, { idle = 600, keepalive = 150 })
		skynet.sleep(120)
		equal(kcp.disconnected(id), false)
		r.lose = 100
		local data, why = kcp.recv(id)
		equal(data, false)
		equal(why, "the peer is silent")
		kcp.close(id)
		kcp.close(lid)
		r.close()
	end },
	{ "a queue that is full says so, and a reader may wait for a time", function()
		local lid, port = echo()
		local r = relay(port, 3, 0, 0, 0)
		local id = connect(r.port, { queue_max = 8192 })
		r.lose = 100
		local ok, why, n = true, nil, 0
		while ok do
			ok, why = kcp.send(id, string.rep("x", 1000))
			n = n + 1
		end
		equal(why, "the queue of what waits to be sent is full")
		assert(n > 4 and n < 9, n)
		local start = skynet.now()
		local data
		data, why = kcp.recv(id, 10)
		equal(data, false)
		equal(why, "timeout")
		assert(skynet.now() - start >= 10)
		data, why = kcp.send(id, string.rep("x", 200000))
		equal(data, false)
		equal(why, "the message is too large")
		r.lose = 0
		for _ = 1, n - 1 do
			equal(kcp.recv(id), string.rep("x", 1000))
		end
		kcp.close(id)
		kcp.close(lid)
		r.close()
	end },
	{ "options of a session", function()
		local lid, port = echo()
		local id = connect(port)
		equal(kcp.options(id).mtu, 1400)
		equal(kcp.options(id, { mtu = 500, nodelay = false }).mtu, 500)
		equal(kcp.options(id).nodelay, false)
		raises("option mtu must be 100 to 9000 bytes", kcp.options, id, { mtu = 10 })
		raises("option idle cannot be changed on a session", kcp.options, id, { idle = 10 })
		raises("there is no option ntu", kcp.options, id, { ntu = 10 })
		raises("option nodelay must be true or false", kcp.options, id, { nodelay = 1 })
		raises("option mtu must be a number", kcp.options, id, { mtu = "x" })
		raises("there is no option", kcp.listen, "127.0.0.1", 0, print, { x = 1 })
		raises("there is no option", kcp.connect, "127.0.0.1", 1, { x = 1 })
		equal(kcp.options(id).mtu, 500)
		kcp.close(id)
		kcp.close(lid)
	end },
	{ "what programs get wrong", function()
		raises("a function expected", kcp.listen, "127.0.0.1", 0)
		raises("no session 99999", kcp.recv, 99999)
		raises("no session nil", kcp.read)
		raises("no listener", kcp.stats, -99999)
		equal(kcp.send(99999, "x"), false)
		kcp.close(99999)
		kcp.close(-99999)
		local lid, port = echo()
		local id = connect(port)
		raises("a number of bytes expected", kcp.read, id, 0)
		skynet.fork(function()
			kcp.recv(id)
		end)
		skynet.yield()
		raises("another task reads session", kcp.recv, id)
		kcp.close(id) -- the reader wakes
		raises("option token must be 512 bytes at most", kcp.connect, "127.0.0.1", port,
			{ token = string.rep("x", 513) })
		equal((kcp.connect("no.such.host.invalid", 1)), nil)
		kcp.close(lid)
	end },
	{ "what is wrong with the core", function()
		local core = require "skynet.kcp.core"
		local pool = core.pool()
		core.listen(pool, 1000001)
		raises("has socket 1000001 already", core.listen, pool, 1000001)
		raises("has socket 1000001 already", core.connect, pool, 1000001, nil, 0, "")
		raises("an address expected", core.input, pool, 1000001, "x", "")
		core.input(pool, 1000001, string.rep("\0", 48), "\1")
		core.input(pool, 1000001, string.rep("x", 48), string.rep("\2", 19))
		raises("there is no session 5", core.stats, pool, 5)
		raises("there is no session -1", core.recv, pool, -1)
		raises("expected", core.turn, "x")
		equal(core.unlisten(pool, 5), false)
		equal(core.news(pool), nil)
		equal(core.released(pool), nil)
	end },
	{ "a handler that fails closes its session", function()
		local lid, _, port = kcp.listen("127.0.0.1", 0, function()
			error "on purpose"
		end)
		local id = connect(port)
		local data, why = kcp.recv(id)
		equal(data, false)
		equal(why, "closed by the peer")
		tap.logged "on purpose"
		kcp.close(id)
		kcp.close(lid)
	end },
	{ "no socket is left", function()
		tap.until_true("sockets of KCP", function() return count_udp() == 0 end)
	end },
}
