-- SPDX-License-Identifier: MIT
-- Ends: exit, kill, what becomes of requests in both directions.
local skynet = require "skynet"
require "skynet.manager"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

tap.run {
	{ "exit fails the requests it works on, the detached and the queued", function()
		local s, failed = skynet.newservice "callee", 0
		local function ask(...)
			if not pcall(skynet.call, s, "lua", ...) then failed = failed + 1 end
		end
		skynet.fork(ask, "hang")
		skynet.fork(ask, "slow", 1000)
		skynet.fork(ask, "keep")
		skynet.fork(ask, "exit")
		skynet.fork(ask, "echo", 1)
		tap.until_true("all", function() return failed == 5 end)
		raises("call to invalid address", skynet.call, s, "lua", "echo")
	end },
	{ "kill does the same", function()
		local s, failed = skynet.newservice "callee", 0
		for _, what in ipairs { "hang", "keep", "raw" } do
			skynet.fork(function()
				local ok = pcall(skynet.call, s, "lua",
					what == "raw" and "slow" or what, 1000)
				if not ok then failed = failed + 1 end
			end)
		end
		skynet.sleep(1)
		skynet.kill(s)
		tap.until_true("all", function() return failed == 3 end)
	end },
	{ "exit closes the variables of its other tasks", function()
		local s, got = skynet.newservice "callee", nil
		skynet.dispatch("lua", function(_, _, what) got = what end)
		local other = skynet.newservice "callee"
		skynet.send(s, "lua", "call_and_close", skynet.self(), other, "lua", "hang")
		skynet.sleep(2)
		skynet.send(s, "lua", "exit")
		tap.until_true("the close", function() return got end)
		equal(got, "closed")
	end },
	{ "kill by number, :hex and .name; nobody and nonsense do no harm", function()
		local a, b, c = skynet.newservice "callee", skynet.newservice "callee",
			skynet.newservice "callee"
		skynet.kill(a)
		skynet.kill(skynet.address(b))
		skynet.name(".victim", c)
		skynet.kill ".victim"
		for _, s in ipairs { a, b, c } do
			raises("call to invalid address", skynet.call, s, "lua", "echo")
		end
		skynet.kill(a)
		skynet.kill ".nobody"
		skynet.kill ":ffffff"
		raises("string expected", skynet.kill)
		raises("string expected", skynet.kill, {})
		local from = #tap.log()
		skynet.kill "nonsense"
		tap.logged("Can't convert nonsense to handle", from)
	end },
	{ "the log tells who ended", function()
		local a, b, from = skynet.newservice "callee", skynet.newservice "callee",
			#tap.log()
		skynet.kill(a)
		skynet.send(b, "lua", "exit")
		tap.logged((":%08x] KILL :%x"):format(skynet.self(), a), from)
		tap.logged((":%08x] KILL self"):format(b), from)
	end },
	{ "a reply to a caller that ended is dropped in silence", function()
		local a, b = skynet.newservice "callee", skynet.newservice "callee"
		skynet.send(a, "lua", "call", b, "lua", "slow", 3)
		skynet.sleep(1)
		skynet.kill(a)
		skynet.sleep(4)
		equal(skynet.call(b, "lua", "echo", 1), 1)
	end },
	{ "two that call each other end without a trace", function()
		local a, b = skynet.newservice "callee", skynet.newservice "callee"
		skynet.send(a, "lua", "call", b, "lua", "call", a, "lua", "hang")
		skynet.sleep(1)
		skynet.kill(a)
		tap.until_true("b is free",
			function() return skynet.call(b, "debug", "STAT").task == 0 end)
		skynet.send(b, "lua", "exit")
	end },
	{ "services that end in a storm of calls", function()
		local done, failed = 0, 0
		for i = 1, 100 do
			local s = skynet.newservice "callee"
			for _ = 1, 5 do
				skynet.fork(function()
					if pcall(skynet.call, s, "lua", "slow", i % 3) then
						done = done + 1
					else
						failed = failed + 1
					end
				end)
			end
			skynet.timeout(i % 4, function() skynet.kill(s) end)
		end
		tap.until_true("every call", function() return done + failed == 500 end)
		assert(failed > 0)
	end },
}
