-- What stands around the services that are recorded: a database, and a server that speaks so much
-- of redis as is needed.
local skynet = require "skynet"
local socket = require "skynet.socket"
require "skynet.manager"

local command, stored = {}, {}

function command.price(n)
	skynet.sleep(n % 3)
	if n % 17 == 0 then
		error("no such thing: " .. n)
	end
	return n * skynet.now()
end

function command.launch(...)
	return skynet.address(skynet.newservice(...))
end

function command.gate()
	skynet.call(skynet.newservice "frames", "lua", "open", { address = "127.0.0.1", port = 0 })
end

local function serve(fd)
	socket.start(fd)
	while true do
		local count = socket.readline(fd, "\r\n")
		if not count then
			return socket.close(fd)
		end
		local words = {}
		for i = 1, tonumber(count:sub(2)) do
			local size = tonumber(socket.readline(fd, "\r\n"):sub(2))
			words[i] = socket.read(fd, size + 2):sub(1, -3)
		end
		if words[1]:upper() == "SET" then
			stored[words[2]] = words[3] .. skynet.now()
			socket.write(fd, "+OK\r\n")
		else
			local value = stored[words[2]]
			socket.write(fd, value and ("$%d\r\n%s\r\n"):format(#value, value)
				or "$-1\r\n")
		end
	end
end

local _, redis_port

function command.redis_port()
	return redis_port
end

skynet.start(function()
	local id
	id, _, redis_port = socket.listen("127.0.0.1", 0)
	socket.start(id, function(fd)
		skynet.fork(serve, fd)
	end)
	skynet.dispatch("lua", function(_, _, cmd, ...)
		skynet.retpack(command[cmd](...))
	end)
	skynet.register ".main"
end)
