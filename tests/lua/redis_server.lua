-- SPDX-License-Identifier: MIT
-- Real redis-servers for tests: each in a folder of its own, on a port that the kernel chose, ended
-- by its pid. The program is in the package redis-tools, by another name: the package redis-server
-- only adds a service that runs.
local skynet = require "skynet"
local socket = require "skynet.socket"

local server = {}
server.__index = server

function server.there()
	return os.execute "command -v redis-check-rdb >/dev/null 2>&1" == true
end

function server.free_port()
	local id, _, port = socket.listen("127.0.0.1", 0)
	socket.close(id)
	return port
end

local function capture(cmd)
	local p <close> = assert(io.popen(cmd))
	return (p:read "a":gsub("%s+$", ""))
end

-- Answers as soon as the server is up.
function server:wait()
	for _ = 1, 1000 do
		local fd = socket.open("127.0.0.1", self.port)
		if fd then
			socket.write(fd, "PING\r\n")
			local line = socket.readline(fd, "\r\n")
			socket.close(fd)
			if line and (line:find "PONG" or line:find "NOAUTH") then
				return self
			end
		end
		skynet.sleep(1)
	end
	error(("redis-server on port %d does not answer: %s"):format(self.port,
		capture("tail -5 " .. self.dir .. "/log")))
end

function server:run()
	local command = "cd %s && { ./redis-server --bind 127.0.0.1 --port %d --save '' "
		.. "--dir %s --logfile log %s </dev/null >/dev/null 2>&1 & echo $!; }"
	self.pid = capture(command:format(self.dir, self.port, self.dir, self.options))
	assert(self.pid:match "^%d+$", self.pid)
	return self:wait()
end

-- A server with further options, as one text.
function server.start(options)
	local self = setmetatable({ options = options or "", port = server.free_port(),
		dir = capture "mktemp -d" }, server)
	os.execute(("ln -s $(command -v redis-check-rdb) %s/redis-server"):format(self.dir))
	return self:run()
end

-- The state of its process as the kernel shows it, "" when there is none.
function server:state()
	local f <close> = io.open(("/proc/%s/stat"):format(self.pid))
	return f and f:read "a":match "%) (%a)" or ""
end

-- Its port closes when the last of its threads has ended, a moment after the first one has.
function server:listens()
	local fd = socket.open("127.0.0.1", self.port)
	if fd then
		socket.close(fd)
	end
	return fd ~= nil
end

-- signal: a word for kill. Returns when KILL or STOP have worked.
function server:kill(signal)
	os.execute(("kill -%s %s"):format(signal, self.pid))
	local wanted = ({ KILL = "^Z?$", STOP = "^T$" })[signal] or ""
	for _ = 1, 1000 do
		if self:state():find(wanted) and (signal ~= "KILL" or not self:listens()) then
			return
		end
		skynet.sleep(1)
	end
	error(("kill -%s %s has no effect"):format(signal, self.pid))
end

function server:stop()
	self:kill "CONT"
	self:kill "KILL"
	os.execute("rm -rf " .. self.dir)
end

return server
