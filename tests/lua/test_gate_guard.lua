-- SPDX-License-Identifier: MIT
-- What protects gates and their clients: small writes leave at once; who floods is read no faster
-- than he is served; a proxy says whose connections it brings.
local skynet = require "skynet"
require "skynet.manager"
local socket = require "skynet.socket"
local websocket = require "http.websocket"
local tcpoption = require "tcpoption"
local crypt = require "skynet.crypt"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local events = {} -- what gates tell their watchdog: { gate =, event =, fd =, from = }

skynet.dispatch("lua", function(_, source, _, event, fd, from)
	events[#events + 1] = { gate = source, event = event, fd = fd, from = from }
end)
skynet.register_protocol { name = "text", id = skynet.PTYPE_TEXT, pack = function(s) return s end,
	unpack = skynet.tostring, dispatch = function(_, source, text)
		skynet.ignoreret()
		local fd, event, from = text:match "^(%d+) (%w+) ?%d* ?(.*)$"
		events[#events + 1] = { gate = source, event = event, fd = tonumber(fd),
			from = from:match "^(.*):0$" }
	end }

-- TCP_NODELAY of the connection at that port, which the kernel may have accepted a moment ago.
local function nodelay_of(port)
	local value = tap.until_true("the other end", function()
		for line in io.lines "/proc/net/tcp" do
			local at, to, state = line:match
				"^%s*%d+: %x+:(%x+) %x+:(%x+) (%x%x)"
			if state == "01" and tonumber(at, 16) == port then
				local v = tcpoption.nodelay(port, tonumber(to, 16))
				return v ~= nil and { v }
			end
		end
	end)
	return value[1]
end

local function nodelay_accepted(port)
	local c = assert(socket.open("127.0.0.1", port))
	local value = nodelay_of(port)
	socket.close(c)
	return value
end

local function gate(name, conf)
	local g = skynet.newservice(name)
	conf.address, conf.port, conf.servername = "127.0.0.1", 0, "home"
	local _, port = skynet.call(g, "lua", "open", conf)
	return g, port
end

local function free_port()
	local id, _, port = socket.listen("127.0.0.1", 0)
	socket.close(id)
	return port
end

local function c_gate(...)
	for _ = 1, 20 do
		local port = free_port()
		local g = skynet.launch("gate", "S", skynet.address(skynet.self()),
			"127.0.0.1:" .. port, 0, 16, ...)
		if g then
			return g, port
		end
	end
	error "no gate"
end

local function serve_websocket(options)
	local id, _, port = socket.listen("127.0.0.1", 0)
	socket.start(id, function(fd)
		websocket.accept(fd, {}, "ws", nil, options)
	end)
	return id, port
end

-- ---- back pressure ----

local function opened(g)
	return tap.until_true("a client", function()
		for _, e in ipairs(events) do
			if e.gate == g and e.event == "open" then
				return e.fd
			end
		end
	end)
end

local function netstat(id)
	for _, s in ipairs(socket.netstat()) do
		if s.id == id then
			return s
		end
	end
end

local MESSAGES <const>, SIZE <const> = 8000, 1000
local ALL <const> = MESSAGES * (SIZE + 2)
-- The window, what the gate may have read before it came to that, and what is only half a frame.
local BOUND <const> = (64 << 10) * 2

-- Floods somebody who is stuck; `take` makes him the one that the client's messages go to. What the
-- gate read meanwhile; all arrives in its order when he goes on.
local stops = 0
local function flood(g, port, fd_of, take, agent)
	local c = assert(socket.open("127.0.0.1", port))
	local fd = fd_of(g)
	take(fd)
	stops = stops + 1
	local key = "stop" .. stops
	socket.write(c, (">s2"):pack("stop " .. key))
	local filler = ("x"):rep(SIZE - 4)
	for i = 1, MESSAGES do
		socket.write(c, (">s2"):pack((">I4"):pack(i) .. filler))
	end
	-- it is read until it waits, or to the end
	tap.until_true("a pause or all", function()
		local s = netstat(fd)
		return s and (s.waiting or s.read > ALL)
	end)
	skynet.sleep(5) -- what the gate has not come to yet is bounded, too
	local s = netstat(fd)
	skynet.setenv(key, "now")
	tap.until_true("all messages", function()
		return skynet.call(agent, "lua", "count") == MESSAGES
	end)
	local _, ordered = skynet.call(agent, "lua", "count")
	equal(ordered, true)
	equal(netstat(fd).waiting, false)
	socket.close(c)
	return s
end

local function new_agent()
	return skynet.newservice "gate_guard_agent"
end

local function is_held(s)
	equal(s.waiting, true)
	assert(s.read <= BOUND, s.read)
end

local function lua_flood(conf, verb, watchdog_is_agent)
	local agent = new_agent()
	conf.watchdog = watchdog_is_agent and agent or nil
	local g, port = gate("gate", conf)
	local fd_of = watchdog_is_agent and function()
		return tap.until_true("the client", function()
			for id = 1, 2000 do -- nobody told us its number
				if pcall(skynet.call, g, "lua", verb, id) then
					return id
				end
			end
		end)
	end or opened
	local s = flood(g, port, fd_of, function(fd)
		skynet.call(g, "lua", verb, fd, 0, agent)
	end, agent)
	skynet.kill(g)
	skynet.kill(agent)
	return s
end

local function c_flood(options, how)
	local agent = new_agent()
	local g, port = c_gate(options or "nodelay=on")
	local address = skynet.address(agent)
	local s = flood(g, port, opened, function(fd)
		if how == "broker" then
			skynet.name(".gate_guard_broker", agent)
			skynet.send(g, "text", "broker .gate_guard_broker")
		else
			skynet.send(g, "text", ("forward %d %s :0"):format(fd, address))
		end
		skynet.send(g, "text", "start " .. fd)
	end, agent)
	skynet.kill(g)
	skynet.kill(agent)
	return s
end

-- ---- proxies ----

local SIGNATURE <const> = "\r\n\r\n\0\r\nQUIT\n"
local V2 <const> = SIGNATURE .. "\x21\x11\0\12\xc0\0\2\7\xc0\0\2\1\xdc\x04\1\xbb"

-- header -> the address that the service is told; true: the connection's own
local HEADERS <const> = {
	[V2] = "192.0.2.7:56324",
	["PROXY TCP4 192.0.2.8 192.0.2.1 56324 443\r\n"] = "192.0.2.8:56324",
	["PROXY TCP6 2001:db8::7 ::1 1 65535\r\n"] = "2001:db8::7:1",
	["PROXY UNKNOWN\r\n"] = true,
	[SIGNATURE .. "\x20\0\0\0"] = true,
	[SIGNATURE .. "\x21\x11\3\232\1\2\3\4\5\6\7\8\0\1\0\2\4\3\217" .. ("x"):rep(985)]
		= "1.2.3.4:1",
}

local function next_open(g)
	return tap.until_true("a client", function()
		for i, e in ipairs(events) do
			if e.gate == g and e.event == "open" then
				return table.remove(events, i)
			end
		end
	end)
end

local function is_own(from)
	return from:match "^127%.0%.0%.1:%d+$" ~= nil
end

local function brings(g, port, header, from, bytewise)
	local c = assert(socket.open("127.0.0.1", port))
	if bytewise then
		for i = 1, #header do
			socket.write(c, header:sub(i, i))
			skynet.yield()
		end
	end
	socket.write(c, (bytewise and "" or header) .. (">s2"):pack "behind it")
	local e = next_open(g)
	if from == true then
		assert(is_own(e.from), e.from)
	else
		equal(e.from, from)
	end
	return c, e.fd
end

local function heard_behind(g, port, agent, forward)
	local n = 0
	for header, from in pairs(HEADERS) do
		for _, bytewise in ipairs { false, #header < 100 } do
			local c, fd = brings(g, port, header, from, bytewise)
			forward(fd)
			n = n + 1
			tap.until_true("the frame", function()
				return skynet.call(agent, "lua", "count") == n
			end)
			if from ~= true then
				equal(netstat(fd).peer, from)
			end
			socket.close(c)
		end
	end
end

tap.run {
	{ "small writes leave at once from a gate, a msgserver and a gate in C, unless told not to",
		function()
		for _, name in ipairs { "gate", "msg_sample" } do
			local g, port = gate(name, {})
			equal(nodelay_accepted(port), true)
			skynet.kill(g)
			g, port = gate(name, { nodelay = false })
			equal(nodelay_accepted(port), false)
			skynet.kill(g)
		end
		local g, port = c_gate()
		equal(nodelay_accepted(port), true)
		skynet.kill(g)
		g, port = c_gate "nodelay=off"
		equal(nodelay_accepted(port), false)
		skynet.kill(g)
	end },
	{ "and from a WebSocket", function()
		for _, case in ipairs { {}, { options = { nodelay = false } } } do
			local id, port = serve_websocket(case.options)
			local c = websocket.connect("ws://127.0.0.1:" .. port)
			equal(nodelay_of(port), not case.options)
			websocket.close(c)
			socket.close(id)
		end
	end },
	{ "a client is read no faster than its agent takes what it says, from a gate",
		function()
		is_held(lua_flood({}, "forward"))
	end },
	{ "no faster than the watchdog takes it", function()
		is_held(lua_flood({}, "accept", true))
	end },
	{ "from a gate in C no faster than the agent, or the broker", function()
		is_held(c_flood())
		is_held(c_flood(nil, "broker"))
	end },
	{ "a gate without back pressure reads all; one with a window of its own that much",
		function()
		for _, s in ipairs { lua_flood({ backpressure = false }, "forward"),
			c_flood "backpressure=0" } do
			equal(s.waiting, false)
			assert(s.read > ALL, s.read)
		end
		for _, s in ipairs { lua_flood({ backpressure = 4096 }, "forward"),
			c_flood "backpressure=4096" } do
			equal(s.waiting, true)
			assert(s.read <= 8192, s.read)
		end
	end },
	{ "an agent that ends, and a gate that ends, while it is full", function()
		local agent = new_agent()
		local g, port = gate("gate", {})
		local c = assert(socket.open("127.0.0.1", port))
		local fd = opened(g)
		skynet.call(g, "lua", "forward", fd, 0, agent)
		socket.write(c, (">s2"):pack "stop ended")
		local all = (">s2"):pack(("x"):rep(1000)):rep(4000)
		socket.write(c, all)
		tap.until_true("a pause", function() return netstat(fd).waiting end)
		skynet.send(agent, "debug", "EXIT")
		skynet.setenv("ended", "now")
		skynet.kill(agent)
		tap.until_true("all is read", function() return netstat(fd).read > #all end)
		equal(netstat(fd).waiting, false)
		agent = new_agent()
		skynet.call(g, "lua", "forward", fd, 0, agent)
		socket.write(c, (">s2"):pack "stop gate")
		socket.write(c, all)
		tap.until_true("a pause", function() return netstat(fd).waiting end)
		skynet.kill(g)
		skynet.setenv("gate", "now")
		tap.until_true("the end", function() return socket.disconnected(c) end)
		socket.close(c)
		skynet.kill(agent)
	end },
	{ "a client of a msgserver with many requests at work is not read until they are answered",
		function()
		local g = skynet.newservice("gate_guard_agent", "msgserver")
		local _, port = skynet.call(g, "lua", "open",
			{ address = "127.0.0.1", port = 0, servername = "home" })
		local name = skynet.call(g, "lua", "login", "12345678")
		local c = assert(socket.open("127.0.0.1", port))
		local who = name .. ":1"
		local function frame(text) socket.write(c, (">s2"):pack(text)) end
		local function answer()
			return socket.read(c, (">I2"):unpack(socket.read(c, 2)))
		end
		frame(who .. ":" .. crypt.base64encode(crypt.hmac_hash("12345678", who)))
		equal(answer(), "200 OK")
		local fd = tap.until_true("the connection", function()
			for _, s in ipairs(socket.netstat()) do
				if s.address == g and s.type == "TCP" then
					return s.id
				end
			end
		end)
		for i = 1, 8 do
			frame("wait" .. (">I4"):pack(i))
		end
		tap.until_true("a pause", function() return netstat(fd).waiting end)
		for i = 9, 40 do
			frame("more" .. (">I4"):pack(i))
		end
		skynet.sleep(10)
		equal(skynet.call(g, "lua", "kick"), 8)
		skynet.call(g, "lua", "kick", true)
		local seen = {}
		for _ = 1, 40 do
			seen[(">I4"):unpack(answer(), -4)] = true
		end
		equal(#seen, 40)
		equal(netstat(fd).waiting, false)
		socket.close(c)
		skynet.kill(g)
	end },
	{ "a gate hears from a proxy whom it brings, in all ways to say it", function()
		local agent = new_agent()
		local g, port = gate("gate", { proxy = "127.0.0.1" })
		heard_behind(g, port, agent, function(fd)
			skynet.call(g, "lua", "forward", fd, 0, agent)
		end)
		skynet.kill(agent)
		skynet.kill(g)
		agent = new_agent()
		g, port = c_gate "proxy=10.0.0.0/8,127.0.0.0/8"
		heard_behind(g, port, agent, function(fd)
			skynet.send(g, "text",
				("forward %d %s :0"):format(fd, skynet.address(agent)))
			skynet.send(g, "text", "start " .. fd)
		end)
		skynet.kill(agent)
		skynet.kill(g)
	end },
	{ "a wrong header, none, one of a stranger, one that does not come: closed, with few lines",
		function()
		local g, port = gate("gate", { proxy = { "127.0.0.1", "::1" } })
		local from = #tap.log()
		local late = assert(socket.open("127.0.0.1", port))
		local half = assert(socket.open("127.0.0.1", port))
		socket.write(half, V2:sub(1, 20))
		local wrong = {
			(">s2"):pack "no header at all", "PROXY TCP4 1.2.3.4 5.6.7.8 1 70000\r\n",
			SIGNATURE .. "\x21\x11\255\255", SIGNATURE .. "\x31\x11\0\0",
			"PROXY " .. ("x"):rep(101),
		}
		for i = 1, 40 do
			local c = assert(socket.open("127.0.0.1", port))
			socket.write(c, wrong[i % #wrong + 1])
			equal(socket.read(c), false)
			socket.close(c)
		end
		tap.logged("proxy header of 127.0.0.1:", from)
		local lines = select(2, tap.log():sub(from + 1):gsub("proxy header of", ""))
		assert(lines <= 4, lines) -- one a second
		-- who only looks whether we live
		socket.close(assert(socket.open("127.0.0.1", port)))
		local stranger, sport = gate("gate", { proxy = "10.0.0.0/8 2001:db8::/32" })
		tap.until_true("the line", function()
			local c = assert(socket.open("127.0.0.1", sport))
			socket.write(c, V2)
			equal(socket.read(c), false)
			socket.close(c)
			return tap.log():find("it is not from an allowed address", from, true)
		end)
		equal(socket.read(late), false)
		equal(socket.read(half), false)
		socket.close(late)
		socket.close(half)
		for _, e in ipairs(events) do
			assert(e.gate ~= g and e.gate ~= stranger, e.event)
		end
		local c = brings(g, port, V2, "192.0.2.7:56324")
		socket.close(c)
		skynet.kill(g)
		skynet.kill(stranger)
	end },
	{ "any listener of skynet.socket may have it; wrong addresses are refused", function()
		local id, _, port = socket.listen("127.0.0.1", 0)
		raises("each is an address", socket.proxy, id, "localhost")
		raises("no address is in it", socket.proxy, id, {})
		raises("no socket 1000000 is open", socket.proxy, 1000000, "::1")
		socket.proxy(id, "127.0.0.1")
		local from
		socket.start(id, function(fd, address)
			from = address
			socket.start(fd)
			socket.write(fd, "hello")
			socket.close(fd)
		end)
		local c = assert(socket.open("127.0.0.1", port))
		socket.write(c, V2)
		equal(socket.read(c, 5), "hello")
		equal(from, "192.0.2.7:56324")
		raises("there is no such listener", socket.proxy, c, "::1")
		socket.proxy(id, "")
		socket.close(c)
		c = assert(socket.open("127.0.0.1", port))
		equal(socket.read(c, 5), "hello")
		assert(is_own(from), from)
		socket.close(c)
		socket.close(id)
		raises("each is an address", gate, "gate", { proxy = "nonsense" })
	end },
	{ "the write queues of a gate's clients have its bound and policy", function()
		local g, port = gate("gate", { writelimit = 1 << 20, writepolicy = "error" })
		local c = assert(socket.open("127.0.0.1", port))
		local fd = opened(g)
		skynet.call(g, "lua", "accept", fd)
		equal(netstat(fd).wlimit, 1 << 20)
		equal(netstat(fd).wpolicy, "error")
		socket.close(c)
		skynet.kill(g)
		raises("invalid option", gate, "gate", { writepolicy = "nonsense" })
	end },
	{ "an option that a gate in C does not know: no gate, and why", function()
		local from = #tap.log()
		for _, word in ipairs { "nodelay=maybe", "nodelay=", "other=1", "proxy=x" } do
			equal(skynet.launch("gate", "S", "!", "127.0.0.1:" .. free_port(), 0, 16,
				word), nil)
		end
		tap.logged("the option nodelay is on or off", from)
		tap.logged("the options are nodelay, backpressure and proxy", from)
	end },
}
