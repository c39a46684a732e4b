-- SPDX-License-Identifier: MIT
-- Real redis-servers for tests: each in a folder of its own, on a port that the kernel chose. The
-- program is in the package redis-tools, by another name: the package redis-server only adds a
-- service that runs.
local socket = require "skynet.socket"
local beside = require "beside"

local server = {}
server.__index = server

server.free_port = beside.free_port

function server.there()
	return os.execute "command -v redis-check-rdb >/dev/null 2>&1" == true
end

-- Whether the server is up.
function server:answers()
	local fd = socket.open("127.0.0.1", self.port)
	if not fd then
		return false
	end
	socket.write(fd, "PING\r\n")
	local line = socket.readline(fd, "\r\n")
	socket.close(fd)
	return line and (line:find "PONG" or line:find "NOAUTH")
end

-- Returns as soon as it is up.
function server:run()
	local command = { self.dir .. "/redis-server", "--bind", "127.0.0.1", "--port",
		tostring(self.port), "--save", "", "--dir", self.dir, log = self.dir .. "/log" }
	for word in self.options:gmatch "%S+" do
		table.insert(command, word)
	end
	self.pid = beside.start(command)
	beside.until_ready("redis-server", self.pid, self.dir .. "/log", function()
		return self:answers()
	end)
	return self
end

-- A server with further options, as one text.
function server.start(options)
	local self = setmetatable({ options = options or "", port = beside.free_port(),
		dir = beside.folder() }, server)
	os.execute(("ln -s $(command -v redis-check-rdb) %s/redis-server"):format(self.dir))
	return self:run()
end

-- signal: a word for kill. Returns when KILL or STOP have worked.
function server:kill(signal)
	beside.signal(self.pid, signal)
end

function server:stop()
	self:kill "KILL"
	os.execute("rm -rf " .. self.dir)
end

return server
