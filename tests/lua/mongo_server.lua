-- SPDX-License-Identifier: MIT
-- The server of mongo_server.py beside a test, on a port that the kernel chose.
local skynet = require "skynet"
local process = require "process"

local server = {}
server.__index = server

local folder = debug.getinfo(1, "S").source:match "^@(.*)/[^/]*$"

local function capture(cmd)
	local p <close> = assert(io.popen(cmd))
	return (p:read "a":gsub("%s+$", ""))
end

function server:log()
	local f <close> = assert(io.open(self.file))
	return f:read "a"
end

-- Returns as soon as it has printed its port.
function server:run()
	local command = { "/usr/bin/python3", folder .. "/mongo_server.py", log = self.file }
	table.move(self.options, 1, #self.options, #command + 1, command)
	if self.port then
		table.move({ "--port", tostring(self.port) }, 1, 2, #command + 1, command)
	end
	os.execute(": >" .. self.file)
	self.pid = process.start(command)
	for _ = 1, 3000 do
		local port = self:log():match "^(%d+)\n"
		if port then
			self.port = math.tointeger(port)
			return self
		elseif process.ended(self.pid) ~= nil then
			break
		end
		skynet.sleep(1)
	end
	error("mongo_server.py does not start: " .. self:log())
end

-- options: words of its command line
function server.start(...)
	local self = setmetatable({ options = { ... }, file = capture "mktemp" }, server)
	return self:run()
end

-- With its data, which are in memory.
function server:kill()
	process.signal(self.pid, "KILL")
	for _ = 1, 3000 do
		if process.ended(self.pid) ~= nil then
			return
		end
		skynet.sleep(1)
	end
	error "mongo_server.py does not end"
end

-- Ends it. What it printed must be its port alone: an assertion of its own that failed is there.
function server:stop()
	self:kill()
	local text = self:log()
	os.remove(self.file)
	assert(text:find "^%d+\n$", text)
end

return server
