-- SPDX-License-Identifier: MIT
-- The gate in C: this service is its watchdog, an agent and the clients.
local skynet = require "skynet"
require "skynet.manager"
local socket = require "skynet.socket"
local tap = require "tap"
local equal = tap.equal

-- what the watchdog was told; what agents got: { fd =, source =, text = }
local texts, frames = {}, {}

local function text_of(msg, size) return skynet.tostring(msg, size) end

skynet.register_protocol {
	name = "text", id = skynet.PTYPE_TEXT, pack = function(s) return s end, unpack = text_of,
	dispatch = function(session, source, text)
		skynet.ignoreret()
		texts[#texts + 1] = { session = session, gate = source, text = text }
	end,
}
for name, id in pairs { client = skynet.PTYPE_CLIENT, own = 77 } do
	skynet.register_protocol {
		name = name, id = id, pack = function(s) return s end, unpack = text_of,
		dispatch = function(fd, source, text)
			skynet.ignoreret()
			frames[#frames + 1] = { fd = fd, source = source, text = text, name = name }
		end,
	}
end

-- A port that was free a moment ago.
local function free_port()
	local id, _, port = socket.listen("127.0.0.1", 0)
	socket.close(id)
	return port
end

local function open_gate(hdr, watchdog, type, max)
	for _ = 1, 20 do
		local port = free_port()
		local gate = skynet.launch("gate", hdr, watchdog, "127.0.0.1:" .. port, type, max)
		if gate then
			return gate, port
		end
	end
	error "no gate"
end

local me = skynet.address(skynet.self())

-- Takes the first text of the gate that matches; returns its captures.
local function told(gate, pattern)
	return table.unpack(tap.until_true(pattern, function()
		for i, t in ipairs(texts) do
			local found = t.gate == gate and { t.text:match(pattern) }
			if found and found[1] then
				table.remove(texts, i)
				found[#found + 1] = t.session
				return found
			end
		end
	end))
end

local function frame()
	return tap.until_true("a frame", function() return table.remove(frames, 1) end)
end

local function order(gate, ...)
	skynet.send(gate, "text", table.concat({ ... }, " "))
end

-- A client, and the fd that the gate has for it.
local function connect(gate, port, ...)
	local c = assert(socket.open("127.0.0.1", port))
	local fd = tonumber((told(gate, "^%d+ open (%d+) 127%.0%.0%.1:%d+:0$")))
	for _, command in ipairs { ... } do
		order(gate, (command:gsub("FD", fd)))
	end
	return c, fd
end

local function short(text) return string.pack(">s2", text) end
local function long(text) return string.pack(">s4", text) end

-- How many connections of that local port the kernel has, by state.
local function kernel(port)
	local states = {}
	for line in io.lines "/proc/net/tcp" do
		local at, state = line:match "^%s*%d+: %x+:(%x+) %x+:%x+ (%x%x)"
		if at and tonumber(at, 16) == port then
			states[state] = (states[state] or 0) + 1
		end
	end
	return states
end

tap.run {
	{ "a connection is told, read after start, and told of at its end; nothing of it stays",
		function()
		local gate, port = open_gate("S", me, 0, 4)
		for round = 1, 12 do -- more than there may be at once
			local c, fd = connect(gate, port, "forward FD " .. me .. " :0", "start FD")
			socket.write(c, short("packet" .. round))
			local f = frame()
			equal(f.text, "packet" .. round)
			equal(f.fd, fd)
			equal(f.source, gate)
			equal(f.name, "client")
			socket.close(c)
			told(gate, "^" .. fd .. " close$")
		end
		tap.until_true("the kernel to have none", function()
			local s = kernel(port)
			return not s["01"] and not s["08"]
		end)
		skynet.kill(gate)
	end },
	{ "without agent or broker frames are told to the watchdog; empty ones are skipped",
		function()
		local gate, port = open_gate("S", me, 0, 4)
		local c, fd = connect(gate, port)
		socket.write(c, short "one" .. short "" .. short "two\0" .. "\0\5th")
		order(gate, "start", fd)
		local text, session = told(gate, "^%d+ data (.*)$")
		equal(text, "one")
		equal(session, fd)
		equal((told(gate, "^%d+ data (.*)$")), "two\0")
		socket.write(c, "ree")
		equal((told(gate, "^%d+ data (.*)$")), "three")
		socket.close(c)
		told(gate, "close")
		skynet.kill(gate)
	end },
	{ "a message type of one's own, the client as source; a broker takes all; nobody need "
		.. "watch", function()
		local gate, port = open_gate("S", "!", 77, 4)
		local c = assert(socket.open("127.0.0.1", port))
		-- Nobody was told its number; what is none of the gate's is left alone.
		local fd = tap.until_true("the connection", function()
			for id = c - 3, c + 3 do
				order(gate, "forward", id, me, ":12345678")
				order(gate, "start", id)
			end
			for _, s in ipairs(socket.netstat()) do
				if s.address == gate and s.type == "TCP" then
					return s.id
				end
			end
		end)
		socket.write(c, short "x")
		local f = frame()
		equal(f.name, "own")
		equal(f.source, 0x12345678)
		skynet.register ".gate_broker"
		order(gate, "broker", ".gate_broker")
		socket.write(c, short "y")
		f = frame()
		equal(f.text, "y")
		equal(f.source, gate)
		-- and when nobody is there for it, the log says so
		local from = #tap.log()
		order(gate, "broker", ".nobody")
		socket.write(c, short "z")
		tap.logged("Drop a frame of " .. fd, from)
		socket.close(c)
		skynet.kill(gate)
	end },
	{ "bytes go to a client as they are; the gate writes to its own clients only", function()
		local gate, port = open_gate("S", me, 0, 4)
		local c, fd = connect(gate, port, "start FD")
		skynet.send(gate, "client", "any bytes\n" .. string.pack("<I4", fd))
		equal(socket.readline(c), "any bytes")
		local other, port2 = open_gate("S", me, 0, 4)
		local from = #tap.log()
		skynet.send(other, "client", "stolen\n" .. string.pack("<I4", fd))
		tap.logged("Invalid client id " .. fd, from)
		skynet.send(other, "client", "abc")
		tap.logged("Invalid client message", from)
		for _, verb in ipairs { "start", "kick" } do
			order(other, verb, fd)
		end
		order(other, "forward", fd, me, ":0")
		order(other, "nonsense " .. ("x"):rep(1000))
		tap.logged("[gate] Unknown command : nonsense", from)
		-- a request has an end
		tap.raises("a gate answers nothing", skynet.call, other, "text", "start 1")
		tap.raises("a gate answers nothing", skynet.call, other, "client", "x")
		skynet.send(gate, "client", "still here\n" .. string.pack("<I4", fd))
		equal(socket.readline(c), "still here")
		socket.close(c)
		skynet.kill(gate)
		skynet.kill(other)
	end },
	{ "kick closes a client, close stops listening and keeps the others", function()
		local gate, port = open_gate("S", me, 0, 4)
		local a, fa = connect(gate, port, "start FD")
		local b, fb = connect(gate, port, "start FD")
		order(gate, "kick", fa)
		told(gate, "^" .. fa .. " close$")
		equal(socket.read(a), false)
		socket.close(a)
		order(gate, "close")
		tap.until_true("nobody listens", function()
			local late = socket.open("127.0.0.1", port)
			if late then
				socket.close(late)
			end
			return not late
		end)
		socket.write(b, short "here")
		equal((told(gate, "^" .. fb .. " data (.*)$")), "here")
		socket.close(b)
		skynet.kill(gate)
	end },
	{ "as many connections as were said, each free again at its end", function()
		local gate, port = open_gate("S", me, 0, 2)
		local a, fa = connect(gate, port, "start FD")
		local b = connect(gate, port, "start FD")
		local c = assert(socket.open("127.0.0.1", port))
		equal(socket.read(c), false)
		socket.close(c)
		socket.close(a)
		told(gate, "^" .. fa .. " close$")
		c = connect(gate, port, "start FD")
		socket.write(c, short "in")
		told(gate, "data in")
		socket.close(b)
		socket.close(c)
		skynet.kill(gate)
	end },
	{ "lengths of 32 bits; one over 16 MiB ends its connection, and no memory is taken for it",
		function()
		local gate, port = open_gate("L", me, 0, 8)
		local c, fd = connect(gate, port, "start FD")
		local big = ("0123456789abcdef"):rep(1 << 16)
		socket.write(c, long "one" .. long(big) .. "\0\0")
		equal((told(gate, "^%d+ data (.*)$")), "one")
		equal((told(gate, "^%d+ data (.*)$")), big)
		socket.write(c, "\0\3end")
		equal((told(gate, "^%d+ data (.*)$")), "end")
		local from = #tap.log()
		for _, head in ipairs { "\1\0\0\0", "\xff\xff\xff\xff", "\x80\0\0\0" } do
			local bad, fb = connect(gate, port, "start FD")
			socket.write(bad, long "good" .. head .. "more")
			equal((told(gate, "^" .. fb .. " data (.*)$")), "good")
			told(gate, "^" .. fb .. " close$")
			equal(socket.read(bad), false)
			socket.close(bad)
		end
		tap.logged("Recv socket message > 16M", from)
		socket.write(c, long "last")
		equal((told(gate, "^" .. fd .. " data (.*)$")), "last")
		socket.close(c)
		skynet.kill(gate)
	end },
	{ "a gate that ends closes what it has", function()
		local gate, port = open_gate("S", me, 0, 4)
		local a = connect(gate, port, "start FD")
		local b = connect(gate, port)
		skynet.kill(gate)
		equal(socket.read(a), false)
		equal(socket.read(b), false)
		equal(socket.open("127.0.0.1", port), nil)
		socket.close(a)
		socket.close(b)
	end },
	{ "wrong arguments, an unknown watchdog, an address that is taken: no gate, and why",
		function()
		local id, _, port = socket.listen("127.0.0.1", 0)
		local from = #tap.log()
		for _, args in ipairs { {}, { "S" }, { "X", me, port, 0, 4 }, { "S", me, 0, 0, 4 },
			{ "S", me, port, 0, 0 },
			{ "S", me, port, 256, 4 }, { "S", ".nobody", port, 0, 4 },
				{ "S", me, "127.0.0.1:" .. port, 0, 4 } } do
			equal(skynet.launch("gate", table.unpack(args)), nil)
		end
		tap.logged("the first word is S", from)
		tap.logged("no such watchdog", from)
		tap.logged(("gate: listen 127.0.0.1:%d: Address already in use"):format(port), from)
		socket.close(id)
	end },
	{ "two hundred clients of which many say nonsense and leave in the middle", function()
		local gate, port = open_gate("L", me, 0, 64)
		math.randomseed(20261125)
		local done = 0
		for i = 1, 200 do
			skynet.fork(function()
				skynet.sleep(i // 10)
				local c = socket.open("127.0.0.1", port)
				if c then
					for _ = 1, math.random(5) do
						local bytes = {}
						for k = 1, math.random(40) do
							local mask = math.random(0, 255)
							bytes[k] = string.char(
								mask & math.random(0, 255))
						end
						socket.write(c, table.concat(bytes))
						skynet.sleep(math.random(0, 2))
					end
					socket.close(c)
				end
				done = done + 1
			end)
		end
		local function all_closed()
			for i = #texts, 1, -1 do -- everybody is read
				local fd = texts[i].gate == gate
					and texts[i].text:match "^%d+ open (%d+)"
				if fd then
					table.remove(texts, i)
					order(gate, "start", fd)
				end
			end
			local s = kernel(port)
			return done == 200 and not s["01"] and not s["08"]
		end
		tap.until_true("all to be gone", all_closed)
		texts = {}
		local c, fd = connect(gate, port, "start FD")
		socket.write(c, long "sane")
		equal((told(gate, "^" .. fd .. " data (.*)$")), "sane")
		socket.close(c)
		skynet.kill(gate)
	end },
}
