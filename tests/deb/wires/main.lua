-- SPDX-License-Identifier: MIT
-- `.main` of every node: has a global name, calls those of others without a pause and counts what
-- came of it, and asks for the one `keeper` of the cluster.
local skynet = require "skynet"
require "skynet.manager"
local harbor = require "skynet.harbor"

local callers, command = {}, {}

function command.open(name)
	return harbor.register(name)
end

function command.echo(...)
	return ...
end

-- Begins to count anew.
function command.count(name)
	callers[name] = { good = 0, failed = 0, longest = 0, last = "" }
	return true
end

function command.drive(name)
	command.count(name)
	skynet.fork(function()
		while true do
			local began = skynet.now()
			local ok, answer = pcall(skynet.call, name, "lua", "echo", began)
			local c = callers[name]
			if ok and answer == began then
				c.good = c.good + 1
			else
				c.failed, c.last = c.failed + 1, tostring(answer)
			end
			c.longest = math.max(c.longest, skynet.now() - began)
			skynet.sleep(2)
		end
	end)
	return true
end

-- Good calls, failed ones, hundredths of a second of the longest, the last error.
function command.counted(name)
	local c = callers[name]
	return c.good, c.failed, c.longest, c.last
end

-- The harbor id of the node that has the one keeper of the cluster.
function command.keeper()
	local ok, handle = pcall(skynet.uniqueservice, true, "keeper")
	return ok and skynet.harbor(handle) or 0, not ok and handle or ""
end

skynet.start(function()
	skynet.register ".main"
	skynet.dispatch("lua", function(_, _, what, ...)
		skynet.retpack(command[what](...))
	end)
end)
