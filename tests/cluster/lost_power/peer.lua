-- Accepts clients, and says what became of them and when.
local skynet = require "skynet"
require "skynet.manager"
local socket = require "skynet.socket"

local clients, command = {}, {}

local function serve(id)
	local c = { id = id, ended = false }
	clients[#clients + 1] = c
	socket.start(id)
	socket.onclose(id, function()
		c.ended = skynet.now()
	end)
	socket.read(id)
end

function command.listen(host)
	local id, _, port = socket.listen(host, 0)
	socket.start(id, serve)
	return port
end

-- Bytes for the first client from now on until it ends.
function command.write()
	local id = clients[1].id
	return socket.write(id, ("x"):rep(1000))
end

-- "end" or "open" for each client.
function command.clients()
	local ret = {}
	for i, c in ipairs(clients) do
		ret[i] = c.ended and "end" or "open"
	end
	return table.concat(ret, " ")
end

-- Why a connect fails, and after how many hundredths of a second.
function command.connect(host, port)
	local began = skynet.now()
	local id, why = socket.open(host, port)
	return id and "connected" or why, skynet.now() - began
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		skynet.retpack(command[what](...))
	end)
	skynet.register(".peer")
end)
