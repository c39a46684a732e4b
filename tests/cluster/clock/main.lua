-- A service with timers far ahead, which notes when they come.
local skynet = require "skynet"
require "skynet.manager"

local log = {}
local command = {}

local function note(what)
	log[#log + 1] = what
end

-- Timers at these times, each under its time as its name; 100 seconds after each a second one.
function command.arm(...)
	for _, seconds in ipairs { ... } do
		skynet.timeout(seconds * 100, function()
			note(seconds)
			skynet.timeout(10000, function() note("after " .. seconds) end)
		end)
	end
end

function command.nap(seconds)
	local began = skynet.now()
	skynet.sleep(seconds * 100)
	return skynet.now() - began
end

function command.log()
	return log
end

function command.clock()
	return { now = skynet.now(), time = skynet.time(), start = skynet.starttime(),
		hpc = skynet.hpc(), os_time = os.time(), day = os.date "!%Y-%m-%d",
		date = os.date "!*t".year, fixed = os.date("!%Y", 0), cpu = os.clock(),
		table = os.time { year = 2001, month = 2, day = 3 } }
end

function command.many(n)
	local left = n
	for i = 1, n do
		skynet.timeout(6000 + i % 7, function() left = left - 1 end)
	end
	many = function() return left end
end

function command.left()
	return many()
end

-- Waits for an answer that comes when it is told to.
local waiting
function command.wait()
	waiting = coroutine.running()
	skynet.wait(waiting)
	return "woken"
end

function command.wake()
	skynet.wakeup(waiting)
end

function command.ask(who, ...)
	return skynet.call(who, "lua", ...)
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, cmd, ...)
		skynet.retpack(command[cmd](...))
	end)
	skynet.register(".clock")
	skynet.register("CLOCK" .. skynet.self() // (1 << 24))
end)
