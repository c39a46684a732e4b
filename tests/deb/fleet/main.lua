-- Calls the service "famous" of the cluster without a pause, from the start until its node drains,
-- and says in the log what failed.
local skynet = require "skynet"
require "skynet.manager"

local calls, failures, running = 0, 0, true

local function drive()
	local key = ("%s-%d"):format(skynet.address(skynet.self()), os.time())
	while running do
		calls = calls + 1
		local ok, r = pcall(skynet.call, "famous", "lua", "call", key, calls)
		if not ok or r ~= calls then
			failures = failures + 1
			skynet.error(("CALL FAILED: %s %d: %s"):format(key, calls, tostring(r)))
		end
		skynet.sleep(1)
	end
end

local command = {}

function command.new(...)
	return skynet.newservice(...)
end

function command.drive()
	skynet.fork(drive)
end

function command.stat()
	return calls, failures
end

skynet.start(function()
	skynet.register ".main"
	skynet.on_drain(function() running = false end)
	skynet.dispatch("lua", function(_, _, cmd, ...) skynet.retpack(command[cmd](...)) end)
end)
