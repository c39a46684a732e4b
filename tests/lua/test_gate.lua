-- SPDX-License-Identifier: MIT
-- snax.gateserver and the service gate: this service is the clients, the
-- watchdog and an agent.
local skynet = require "skynet"

local mode = ...

if mode == "server" then
	-- a gate of our own: all that the handler hears can be asked for
	local gateserver = require "snax.gateserver"
	local netpack = require "skynet.netpack"
	local heard, slow = {}, false
	local function hear(...)
		heard[#heard + 1] = table.concat({ ... }, " ")
	end
	local handler = {}
	function handler.connect(fd, from) hear("connect", fd,
		from:match "^127%.0%.0%.1:" and "local" or from) end
	function handler.message(fd, msg, size)
		local text = netpack.tostring(msg, size)
		if slow and text == "wait" then
			skynet.sleep(20)
		end
		hear("message", fd, text)
	end
	function handler.disconnect(fd) hear("disconnect", fd) end
	handler["error"] = function(fd, why) hear("error", fd, why) end
	function handler.open(source, conf) return source, conf.address, conf.port end
	function handler.command(cmd, source, ...)
		if cmd == "heard" then
			return heard
		elseif cmd == "slow" then
			slow = ...
		elseif cmd == "openclient" or cmd == "closeclient" then
			gateserver[cmd](...)
		else
			error("no command " .. cmd)
		end
		return source
	end
	gateserver.start(handler)
	return
end

local socket = require "skynet.socket"
local tap = require "tap"

local events = {}  -- "open 5 ..." of the gate
local frames = {}  -- what came as an agent: { source, session, text }

skynet.dispatch("lua", function(session, source, what, event, fd, arg)
	assert(what == "socket" and session == 0)
	events[#events + 1] = { event = event, fd = fd, arg = arg, gate = source }
end)
skynet.register_protocol {
	name = "client",
	id = skynet.PTYPE_CLIENT,
	unpack = skynet.tostring,
	dispatch = function(fd, source, text)
		skynet.ignoreret()
		frames[#frames + 1] = { fd = fd, source = source, text = text }
	end,
}

local function expect(event, fd)
	return tap.until_true(event, function()
		for i, e in ipairs(events) do
			if e.event == event and (not fd or e.fd == fd) then
				return table.remove(events, i)
			end
		end
	end)
end

local function heard(gate, text)
	tap.until_true(text, function()
		for _, line in ipairs(skynet.call(gate, "lua", "heard")) do
			if line == text then
				return true
			end
		end
	end)
end

local function frame(text)
	return string.pack(">s2", text)
end

-- What the gate has, by its listening port.
local function last_fd(gate)
	return tap.until_true("a connect", function()
		local all = skynet.call(gate, "lua", "heard")
		return tonumber((all[#all] or ""):match "^connect (%d+) local$")
	end)
end

local function open_server(conf)
	local gate = skynet.newservice("test_gate", "server")
	local source, ip, port = skynet.call(gate, "lua", "open", conf)
	tap.equal(source, skynet.self())
	tap.equal(ip, "127.0.0.1")
	return gate, port
end

tap.run {
	{ "a gateserver connects, reads only after openclient, and gives frames in order",
		function()
		local gate, port = open_server { address = "127.0.0.1", port = 0 }
		local c = assert(socket.open("127.0.0.1", port))
		socket.write(c, frame "one" .. frame "two" .. frame "" .. "\0\5thr")
		local fd = last_fd(gate)
		skynet.call(gate, "lua", "openclient", fd)
		heard(gate, "message " .. fd .. " ")
		local all = skynet.call(gate, "lua", "heard")
		tap.equal(table.concat(all, ";"),
			("connect %d local;message %d one;message %d two;message %d "):format(fd,
			fd, fd, fd))
		socket.write(c, "ee")
		heard(gate, "message " .. fd .. " three")
		socket.close(c)
		heard(gate, "disconnect " .. fd)
		skynet.call(gate, "lua", "closeclient", fd)
		tap.raises("no command", skynet.call, gate, "lua", "nonsense")
	end },
	{ "a handler that waits does not hold the other frames", function()
		local gate, port = open_server { address = "127.0.0.1", port = 0, nodelay = true }
		skynet.call(gate, "lua", "slow", true)
		local c = assert(socket.open("127.0.0.1", port))
		local fd = last_fd(gate)
		socket.write(c, frame "wait" .. frame "next" .. frame "last")
		skynet.call(gate, "lua", "openclient", fd)
		heard(gate, "message " .. fd .. " wait")
		local all = skynet.call(gate, "lua", "heard")
		tap.equal(table.concat(all, ";", 2),
			("message %d next;message %d last;message %d wait"):format(fd, fd, fd))
		socket.close(c)
	end },
	{ "open works once; close stops listening and keeps the connections", function()
		local gate, port = open_server { address = "127.0.0.1", port = 0 }
		tap.raises("call failed", skynet.call, gate, "lua", "open",
			{ address = "127.0.0.1", port = 0 })
		local c = assert(socket.open("127.0.0.1", port))
		local fd = last_fd(gate)
		skynet.call(gate, "lua", "openclient", fd)
		skynet.call(gate, "lua", "close")
		tap.until_true("nobody listens", function()
			local late = socket.open("127.0.0.1", port)
			if late then
				socket.close(late)
			end
			return not late
		end)
		socket.write(c, frame "still here")
		heard(gate, "message " .. fd .. " still here")
		socket.close(c)
	end },
	{ "as many clients as maxclient says, over and over; a refused one is only disconnected",
		function()
		for maxclient = 1, 2 do
			local gate, port = open_server { address = "127.0.0.1", port = 0,
				maxclient = maxclient }
			local clients, fds = {}, {}
			for i = 1, maxclient do
				clients[i] = assert(socket.open("127.0.0.1", port))
				fds[i] = last_fd(gate)
			end
			for round = 1, 3 do
				local late = assert(socket.open("127.0.0.1", port))
				tap.equal(socket.read(late), false)
				tap.until_true("a disconnect", function()
					local all = skynet.call(gate, "lua", "heard")
					return all[#all]:match "^disconnect"
						and all[#all] ~= "disconnect " .. fds[1]
				end)
				socket.close(late)
				if round == 2 then
					-- whoever ends it: the gate sees the end only of one
					-- that is read
					socket.close(clients[1])
					skynet.call(gate, "lua", "closeclient", fds[1])
				else
					skynet.call(gate, "lua", "closeclient", fds[1])
					socket.close(clients[1])
				end
				heard(gate, "disconnect " .. fds[1])
				clients[1] = assert(socket.open("127.0.0.1", port))
				fds[1] = last_fd(gate)
			end
			for i = 1, maxclient do
				socket.close(clients[i])
			end
		end
	end },
	{ "an address that is taken fails open, with a reason", function()
		local _, port = open_server { address = "127.0.0.1", port = 0 }
		local gate = skynet.newservice("test_gate", "server")
		tap.raises(("Listen error (listen 127.0.0.1:%d: Address already in use)")
			:format(port),
			skynet.call, gate, "lua", "open", { address = "127.0.0.1", port = port })
	end },
	{ "gate: the watchdog hears all; accept, forward, kick", function()
		local gate = skynet.newservice "gate"
		local ip, port = skynet.call(gate, "lua", "open",
			{ address = "127.0.0.1", port = 0, maxclient = 64 })
		tap.equal(ip, "127.0.0.1")
		local c = assert(socket.open("127.0.0.1", port))
		local open = expect "open"
		tap.equal(open.gate, gate)
		assert(open.arg:match "^127%.0%.0%.1:%d+$", open.arg)
		skynet.call(gate, "lua", "accept", open.fd)
		socket.write(c, frame "to the watchdog")
		tap.equal(expect("data", open.fd).arg, "to the watchdog")
		skynet.call(gate, "lua", "forward", open.fd)
		socket.write(c, frame "to the agent")
		local f = tap.until_true("a frame", function() return table.remove(frames, 1) end)
		tap.equal(f.fd, open.fd)
		tap.equal(f.text, "to the agent")
		tap.equal(f.source, gate)
		skynet.call(gate, "lua", "forward", open.fd, 4711, skynet.self())
		socket.write(c, frame "from a client" .. frame "and more")
		f = tap.until_true("a frame", function() return table.remove(frames, 1) end)
		tap.equal(f.source, 4711)
		tap.equal(f.text, "from a client")
		tap.equal(tap.until_true("a frame",
			function() return table.remove(frames, 1) end).text, "and more")
		skynet.call(gate, "lua", "kick", open.fd)
		expect("close", open.fd)
		tap.equal(socket.read(c), false)
		socket.close(c)
		tap.raises("no such client", skynet.call, gate, "lua", "forward", open.fd)
		tap.raises("no such client: " .. open.fd, skynet.call, gate, "lua", "accept",
			open.fd)
		tap.raises("unknown command frob: a gate", skynet.call, gate, "lua", "frob")
		skynet.call(gate, "lua", "close")
	end },
	{ "gate: a client that goes is told of", function()
		local gate = skynet.newservice "gate"
		tap.raises("open of a gate needs a table", skynet.call, gate, "lua", "open")
		tap.raises("open of a gate needs a table", skynet.call, gate, "lua", "open", {})
		local _, port = skynet.call(gate, "lua", "open",
			{ address = "127.0.0.1", port = 0 })
		local c = assert(socket.open("127.0.0.1", port))
		local fd = expect("open").fd
		skynet.call(gate, "lua", "accept", fd)
		socket.close(c)
		expect("close", fd)
		skynet.call(gate, "lua", "kick", fd)
	end },
}
