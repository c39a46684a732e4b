-- SPDX-License-Identifier: MIT
-- skynet.service: services from functions.
local skynet = require "skynet"
local service = require "skynet.service"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local function counter(...)
	local skynet = require "skynet"
	local args, n, order = table.pack(...), 0, { "f" }
	local command = {}
	function command.add(x) n = n + x return n end
	function command.args() return table.unpack(args, 1, args.n) end
	function command.order() return table.concat(order, " ") end
	function command.exit() skynet.exit() end
	skynet.start(function()
		order[#order + 1] = "start"
		skynet.dispatch("lua", function(_, _, what, ...)
			skynet.retpack(command[what](...))
		end)
	end)
	order[#order + 1] = "end"
end

local function info(handle)
	return skynet.call(skynet.queryservice "service_provider", "debug",
		"INFO")[skynet.address(handle)]
end

tap.run {
	{ "new starts it with its arguments; they keep their types", function()
		local s = service.new("counter", counter, 1, nil, { x = "y" }, true)
		local a, b, c, d = skynet.call(s, "lua", "args")
		equal(a, 1)
		equal(b, nil)
		equal(c.x, "y")
		equal(d, true)
		equal(skynet.call(s, "lua", "add", 5), 5)
		equal(skynet.call(s, "lua", "add", 5), 10)
	end },
	{ "the start function runs after the function has returned", function()
		equal(skynet.call(service.query "counter", "lua", "order"), "f end start")
	end },
	{ "new of one that runs gives it, and ignores the arguments", function()
		local s = service.query "counter"
		equal(service.new("counter", counter, 7), s)
		equal((skynet.call(s, "lua", "args")), 1)
	end },
	{ "calls at the same time start one", function()
		local got = {}
		for i = 1, 5 do
			skynet.fork(function()
				got[i] = service.new("once", function()
					require "skynet".sleep(2)
				end)
			end)
		end
		tap.until_true("all", function() return #got == 5 end)
		for i = 2, 5 do equal(got[i], got[1]) end
	end },
	{ "query waits until somebody starts it", function()
		local got
		skynet.fork(function() got = service.query "late" end)
		skynet.sleep(2)
		equal(got, nil)
		local s = service.new("late", counter)
		tap.until_true("the query", function() return got end)
		equal(got, s)
	end },
	{ "the function has one upvalue, _ENV", function()
		local outside = 1
		raises("_ENV", service.new, "bad", function() return print(outside) end)
		raises("_ENV", service.new, "bad", function() end)
		raises("function", service.new, "bad", "code")
		raises("name", service.new, nil, counter)
	end },
	{ "one that fails raises why, for everybody, until it is closed", function()
		local function broken() error "born dead" end
		local waiting
		skynet.fork(function() waiting = select(2, pcall(service.query, "broken")) end)
		skynet.sleep(1)
		raises("born dead", service.new, "broken", broken)
		tap.until_true("the query", function() return waiting end)
		assert(waiting:find("born dead", 1, true))
		raises("born dead", service.new, "broken", counter)
		raises("born dead", service.query, "broken")
		equal(service.close "broken", false)
		local s = service.new("broken", counter)
		equal(skynet.call(s, "lua", "add", 1), 1)
	end },
	{ "an error in the start function, or an exit, is a failure, too", function()
		raises("in start", service.new, "start1", function()
			require "skynet".start(function() error "in start" end)
		end)
		raises("", service.new, "start2", function() require "skynet".exit() end)
		equal(service.close "start1", false)
		equal(service.close "start2", false)
	end },
	{ "close ends it: true, then false", function()
		local s = service.new("shut", counter)
		equal(service.close "shut", true)
		raises("call to invalid address", skynet.call, s, "lua", "add", 1)
		equal(service.close "shut", false)
		equal(service.close "never", false)
		assert(service.new("shut", counter) ~= s)
	end },
	{ "close while it boots is false; who waits in query goes on waiting", function()
		local started, queried
		skynet.fork(function()
			started = service.new("slow", function() require "skynet".sleep(30) end)
		end)
		skynet.fork(function() queried = service.query "slow" end)
		skynet.yield()
		equal(service.close "slow", false)
		tap.until_true("both", function() return started and queried end)
		equal(started, queried)
	end },
	{ "one that ended is forgotten and started again", function()
		local s = service.new("mortal", counter)
		raises("call failed", skynet.call, s, "lua", "exit")
		local again = tap.until_true("a new one", function()
			local t = service.new("mortal", counter)
			return t ~= s and t
		end)
		equal(skynet.call(again, "lua", "add", 2), 2)
	end },
	{ "the debug command INFO tells of them", function()
		local s = service.new("told", counter, "a", 2)
		local i = info(s)
		equal(i.name, "told")
		equal(i.init, "a,2")
		equal(i.status, "running")
		assert(i.time:find "^%d+%-%d+%-%d+ ")
		service.close "told"
		equal(info(s), nil)
	end },
}
