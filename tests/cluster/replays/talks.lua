-- WebSocket, text and binary, and a client of our own.
local skynet = require "skynet"
local socket = require "skynet.socket"
local websocket = require "http.websocket"
require "skynet.manager"

local port
local handle = {}

function handle.message(id, text, kind)
	if text:sub(1, 4) == "fail" then
		error("told to fail: " .. text)
	end
	skynet.sleep(math.random(0, 2))
	websocket.write(id, text .. " " .. skynet.call(".main", "lua", "price", #text | 1), kind)
end

local command = {}

function command.port()
	return port
end

-- Talks to itself, masked.
function command.ask(text)
	local id = websocket.connect(("ws://127.0.0.1:%d/"):format(port))
	websocket.write(id, text)
	local answer = websocket.read(id)
	websocket.close(id)
	return answer
end

function command.exit()
	skynet.fork(skynet.exit)
end

skynet.start(function()
	local id, _
	id, _, port = socket.listen("127.0.0.1", 0)
	socket.start(id, function(fd, from)
		skynet.fork(websocket.accept, fd, handle, "ws", from)
	end)
	skynet.dispatch("lua", function(_, _, cmd, ...)
		skynet.retpack(command[cmd](...))
	end)
	skynet.register ".talks"
end)
