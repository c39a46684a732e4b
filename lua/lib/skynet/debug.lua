-- SPDX-License-Identifier: MIT
-- The debug protocol of every service (lua-core.md 5.11); loaded when its first message comes.
local skynet = require "skynet"

local command = {}

function command.MEM()
	skynet.retpack(collectgarbage "count")
end

function command.GC()
	local before, began = collectgarbage "count", skynet.hpc()
	collectgarbage()
	skynet.error(("GC %.2f Kb -> %.2f Kb, cost %.2f sec"):format(before, collectgarbage "count",
		(skynet.hpc() - began) / 1e9))
	skynet.ignoreret()
end

function command.STAT()
	skynet.retpack {
		task = skynet.task(),
		mqlen = skynet.stat "mqlen",
		cpu = skynet.stat "cpu",
		message = skynet.stat "message",
	}
end

function command.TASK(session)
	if session then
		skynet.retpack(skynet.task(session))
	else
		local list = {}
		skynet.task(list)
		skynet.retpack(list)
	end
end

function command.KILLTASK(pattern)
	local thread = skynet.killthread(pattern)
	if thread then
		skynet.error("Kill thread: " .. tostring(thread))
		skynet.ret()
	else
		skynet.error("Kill thread: " .. tostring(pattern) .. " Not found")
		skynet.retpack "Not found"
	end
end

function command.EXIT()
	skynet.exit()
end

function command.TERM(address)
	skynet.term(address)
	skynet.ignoreret()
end

function command.SUPPORT(name)
	skynet.retpack(skynet.dispatch(name) ~= nil)
end

function command.PING()
	skynet.ret()
end

-- The answer is withheld: the caller's call fails when this service ends.
local links = {}
function command.LINK()
	links[#links + 1] = skynet.response()
end

local extra = {}

skynet.dispatch("debug", function(_, _, name, ...)
	local f = command[name] or extra[name]
	assert(f, "no debug command " .. tostring(name))
	f(...)
end)

return {
	reg_debugcmd = function(name, f) extra[name] = f end,
}
