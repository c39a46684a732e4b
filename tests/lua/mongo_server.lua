-- SPDX-License-Identifier: MIT
-- The server of mongo_server.py beside a test, on a port that the kernel chose.
local beside = require "beside"
local process = require "process"

local server = {}
server.__index = server

local folder = debug.getinfo(1, "S").source:match "^@(.*)/[^/]*$"

function server:log()
	local f <close> = assert(io.open(self.dir .. "/log"))
	return f:read "a"
end

-- Returns as soon as it has printed its port.
function server:run()
	local log = self.dir .. "/log"
	local command = { "/usr/bin/python3", folder .. "/mongo_server.py", log = log }
	table.move(self.options, 1, #self.options, #command + 1, command)
	if self.port then
		table.move({ "--port", tostring(self.port) }, 1, 2, #command + 1, command)
	end
	os.execute(": >" .. log)
	self.pid = process.start(command)
	local port = beside.until_ready("mongo_server.py", self.pid, log, function()
		return self:log():match "^(%d+)\n"
	end)
	self.port = math.tointeger(port)
	return self
end

-- options: words of its command line
function server.start(...)
	return setmetatable({ options = { ... }, dir = beside.folder() }, server):run()
end

-- One in TLS, with a certificate of its own for localhost, whose file is `ca`.
function server.start_tls()
	local self = setmetatable({ dir = beside.folder() }, server)
	local made = os.execute(("cd %s && openssl req -x509 -newkey ec -nodes -days 2 -subj "
		.. "/CN=localhost -pkeyopt ec_paramgen_curve:prime256v1 -addext "
		.. "subjectAltName=DNS:localhost -keyout key -out cert 2>/dev/null")
		:format(self.dir))
	assert(made, "openssl makes no certificate")
	self.ca = self.dir .. "/cert"
	self.options = { "--cert", self.ca, "--key", self.dir .. "/key" }
	return self:run()
end

-- With its data, which are in memory.
function server:kill()
	beside.signal(self.pid, "KILL")
end

function server:freeze()
	beside.signal(self.pid, "STOP")
end

-- Ends it. What it printed must be its port alone: an assertion of its own that failed is there.
function server:stop()
	self:kill()
	local text = self:log()
	os.execute("rm -r " .. self.dir)
	assert(text:find "^%d+\n$", text)
end

return server
