-- SPDX-License-Identifier: MIT
-- All servers that a game has, in one service: HTTP, WebSocket, a gate in Lua and one in C whose
-- clients have an agent that echoes, or is slow.
local skynet = require "skynet"
require "skynet.manager"
local socket = require "skynet.socket"
local httpd = require "http.httpd"
local sockethelper = require "http.sockethelper"
local websocket = require "http.websocket"

local mode = ...

if mode == "agent" then
	-- Echoes frames; "slow" for what comes after it: a millisecond of work each, and no answer
	-- but to "count": how many, and whether in order.
	local slow, count, ordered = {}, {}, {}
	local function work()
		local till = skynet.hpc() + 1000000
		while skynet.hpc() < till do
		end
	end
	local function serve(fd, text)
		if text == "slow" then
			slow[fd], count[fd], ordered[fd] = true, 0, true
		elseif text == "hose" then
			while socket.write(fd, ("x"):rep(16384)) do
				skynet.yield()
			end
		elseif text == "count" then
			socket.write(fd, (">s2"):pack(("%d %s"):format(count[fd], ordered[fd])))
		elseif slow[fd] then
			work()
			count[fd] = count[fd] + 1
			ordered[fd] = ordered[fd] and #text >= 4
				and (">I4"):unpack(text) == count[fd]
		else
			socket.write(fd, (">s2"):pack(text))
		end
	end
	skynet.register_protocol {
		name = "client", id = skynet.PTYPE_CLIENT, unpack = skynet.tostring,
		dispatch = function(fd, _, text)
			skynet.ignoreret()
			serve(fd, text)
		end,
	}
	skynet.start(function() end)
	return
end

httpd.timeout, websocket.timeout = 500, 500

local command, ports = {}, {}
local gate, c_gate

-- ---- HTTP ----

local function serve_http(fd)
	if not socket.start(fd) then
		return
	end
	local read, write = sockethelper.readfunc(fd), sockethelper.writefunc(fd)
	while true do
		local code, url, _, _, body = httpd.read_request(read, 65536)
		if not code then
			break
		end
		local answer = code ~= 200 and "no" or url == "/large" and ("x"):rep(65536)
			or url .. " " .. body
		if not httpd.write_response(write, code, answer) or code ~= 200 then
			break
		end
	end
	socket.close(fd)
end

-- ---- WebSocket ----

local handle = {}

function handle.message(id, text)
	if text == "hose" then
		while pcall(websocket.write, id, ("x"):rep(16384)) do
			skynet.yield()
		end
	else
		websocket.write(id, text)
	end
end

-- ---- gates: each client has an agent of its own ----

local agents = {} -- fd -> agent

local function open(fd)
	agents[fd] = skynet.newservice("town", "agent")
	return agents[fd]
end

local function close(fd)
	if agents[fd] then
		skynet.kill(agents[fd])
		agents[fd] = nil
	end
end

skynet.register_protocol { name = "text", id = skynet.PTYPE_TEXT, pack = function(s) return s end,
	unpack = skynet.tostring, dispatch = function(_, source, text)
		skynet.ignoreret()
		local fd, event = text:match "^(%d+) (%w+)"
		fd = tonumber(fd)
		if event == "open" then
			local agent = open(fd)
			skynet.send(source, "text",
				("forward %d %s :0"):format(fd, skynet.address(agent)))
			skynet.send(source, "text", "start " .. fd)
		else
			close(fd)
		end
	end }

local function on_gate(event, fd)
	if event == "open" then
		pcall(skynet.call, gate, "lua", "forward", fd, 0, open(fd))
	elseif event == "close" or event == "error" then
		skynet.send(gate, "lua", "kick", fd)
		close(fd)
	end
end

-- ---- for the test ----

local function listen(name, serve)
	local id, _, port = socket.listen("127.0.0.1", 0, 512)
	socket.start(id, serve)
	ports[name] = port
end

local function free_port()
	local id, _, port = socket.listen("127.0.0.1", 0)
	socket.close(id)
	return port
end

function command.ports()
	if not next(ports) then
		listen("http", serve_http)
		listen("ws", function(fd, addr)
			websocket.accept(fd, handle, "ws", addr)
		end)
		gate = skynet.newservice "gate"
		local _, port = skynet.call(gate, "lua", "open", { address = "127.0.0.1", port = 0,
			maxclient = 20000, backlog = 512 })
		ports.gate = port
		repeat
			ports.cgate = free_port()
			c_gate = skynet.launch("gate", "L", skynet.address(skynet.self()),
				"127.0.0.1:" .. ports.cgate, 0, 20000)
		until c_gate
	end
	return ports
end

function command.ready()
	return true
end

-- Connections that somebody has.
function command.sockets()
	local n = 0
	for _, s in ipairs(socket.netstat()) do
		if s.type ~= "LISTEN" and s.address ~= 0 then
			n = n + 1
		end
	end
	return n
end

function command.agents()
	local n = 0
	for _ in pairs(agents) do
		n = n + 1
	end
	return n
end

skynet.start(function()
	skynet.dispatch("lua", function(session, _, name, ...)
		if name == "socket" then
			on_gate(...)
		elseif session ~= 0 then
			skynet.retpack(command[name](...))
		end
	end)
	skynet.register ".victim"
end)
