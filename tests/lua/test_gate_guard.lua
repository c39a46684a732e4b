-- SPDX-License-Identifier: MIT
-- What protects gates and their clients: small writes leave at once.
local skynet = require "skynet"
require "skynet.manager"
local socket = require "skynet.socket"
local websocket = require "http.websocket"
local tcpoption = require "tcpoption"
local tap = require "tap"
local equal = tap.equal

skynet.dispatch("lua", function() end) -- what gates tell their watchdog
skynet.register_protocol { name = "text", id = skynet.PTYPE_TEXT, unpack = skynet.tostring,
	dispatch = function() skynet.ignoreret() end }

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

local function c_gate(...)
	for _ = 1, 20 do
		local id, _, port = socket.listen("127.0.0.1", 0)
		socket.close(id)
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
	{ "an option that a gate in C does not know: no gate, and why", function()
		local from = #tap.log()
		for _, word in ipairs { "nodelay=maybe", "nodelay=", "other=1" } do
			equal(skynet.launch("gate", "S", "!", "127.0.0.1:1", 0, 16, word), nil)
		end
		tap.logged("the option nodelay is on or off", from)
		tap.logged("the only option is nodelay", from)
	end },
}
