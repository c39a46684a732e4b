-- SPDX-License-Identifier: MIT
-- The debug protocol of every service; loaded when its first message comes.
local skynet = require "skynet"

local command, extra = {}, {}

function command.MEM()
	skynet.retpack(collectgarbage "count")
end

-- What the service keeps of shared code and tables: { count =, bytes =, old =, old_bytes = }, old:
-- there are newer versions.
function command.SHARED()
	skynet.retpack(require "skynet.sharetable.core".held())
end

-- By contract the answer to this one is never sent.
function command.GC()
	skynet.ignoreret()
	local before, began = collectgarbage "count", skynet.hpc()
	collectgarbage()
	skynet.error(("GC %.2f Kb -> %.2f Kb, cost %.2f sec"):format(before, collectgarbage "count",
		(skynet.hpc() - began) / 1e9))
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

function command.UNIQTASK()
	skynet.retpack(skynet.uniqtask())
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

function command.INFO(...)
	local f = skynet.info_func()
	if f then
		skynet.retpack(f(...))
	else
		skynet.retpack(nil)
	end
end

function command.EXIT()
	skynet.exit()
end

function command.RUN(source, filename, ...)
	skynet.retpack(require "skynet.inject"(source, filename, ...))
end

-- Answers when debugging has ended.
function command.REMOTEDEBUG(fd, channel)
	require "skynet.remotedebug"(fd, channel)
end

function command.TERM(address)
	skynet.ignoreret()
	skynet.term(address)
end

function command.SUPPORT(name)
	skynet.retpack(skynet.dispatch(name) ~= nil)
end

function command.TRACELOG(protocol, flag)
	if type(protocol) ~= "string" then
		protocol, flag = "lua", protocol
	end
	skynet.traceproto(protocol, flag)
	skynet.error(("Turn trace log %s for %s"):format(flag, protocol))
	skynet.ret()
end

-- The next n requests are traced, into memory and not into the log.
function command.TRACENEXT(n)
	require "skynet.trace.core".watch(n)
	skynet.ret()
end

function command.PING()
	skynet.ret()
end

-- The node drains; undo: no more.
function command.DRAIN(undo)
	skynet.ignoreret()
	require "skynet.handover".drain(undo)
end

-- The node stops.
function command.STOP(stage)
	require "skynet.handover".stop(stage)
	skynet.ret()
end

-- The answer is withheld: the caller's call fails when this service ends.
local links = {}
function command.LINK()
	for i = #links, 1, -1 do
		if not links[i] "TEST" then
			table.remove(links, i) -- who watched has ended
		end
	end
	links[#links + 1] = skynet.response()
end

-- The service stands still, and its state is the answer. Who watches this life of it hears that it
-- ends.
function command.HANDOVER(...)
	for i = #links, 1, -1 do
		table.remove(links)(false)
	end
	skynet.retpack(require "skynet.handover".pack(...))
end

skynet.dispatch("debug", function(_, _, name, ...)
	local f = command[name] or extra[name]
	assert(f, "no debug command " .. tostring(name))
	f(...)
end)

return {
	reg_debugcmd = function(name, f) extra[name] = f end,
}
