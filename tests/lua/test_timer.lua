-- SPDX-License-Identifier: MIT
-- Time: timeout, timer, sleep, yield.
local skynet = require "skynet"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

tap.run {
	{ "sleep and timeout are never early", function()
		for _, ti in ipairs { 1, 2, 5 } do
			local t0 = skynet.hpc()
			skynet.sleep(ti)
			assert(skynet.hpc() - t0 >= ti * 10e6)
			t0 = skynet.hpc()
			local done
			skynet.timeout(ti, function() done = skynet.hpc() end)
			tap.until_true("the timeout", function() return done end)
			assert(done - t0 >= ti * 10e6)
		end
	end },
	{ "timers of one time fire in the order they were set", function()
		local seen = {}
		for i = 1, 100 do
			skynet.timeout(2, function() seen[#seen + 1] = i end)
		end
		tap.until_true("all", function() return #seen == 100 end)
		for i = 1, 100 do equal(seen[i], i) end
	end },
	{ "a timeout of 0 or less comes behind what is queued already", function()
		local seen = {}
		skynet.dispatch("lua", function(_, _, what) seen[#seen + 1] = what end)
		skynet.send(skynet.self(), "lua", "message")
		skynet.timeout(0, function() seen[#seen + 1] = "zero" end)
		skynet.timeout(-5, function() seen[#seen + 1] = "less" end)
		tap.until_true("all", function() return #seen == 3 end)
		equal(table.concat(seen, ","), "message,zero,less")
	end },
	{ "yield lets queued messages run", function()
		local seen = {}
		skynet.dispatch("lua", function(_, _, what) seen[#seen + 1] = what end)
		skynet.send(skynet.self(), "lua", "a")
		skynet.send(skynet.self(), "lua", "b")
		equal(#seen, 0)
		skynet.yield()
		equal(#seen, 2)
	end },
	{ "ti may be a numeric string, not a fraction", function()
		equal(skynet.sleep "1", nil)
		raises("integer", skynet.sleep, 1.5)
		raises("integer", skynet.timeout, 0.1, print)
		raises("number expected", skynet.sleep, "soon")
	end },
	{ "an error in a timeout is logged, later ones still run", function()
		local from, ran = #tap.log(), false
		skynet.timeout(1, function() error "timer broke" end)
		skynet.timeout(1, function() ran = true end)
		tap.until_true("the second", function() return ran end)
		tap.logged("timer broke", from)
	end },
	{ "a cancelled timer does not run and is not waited for", function()
		local before, ran = skynet.task(), false
		local timers = {}
		for i = 1, 100 do
			timers[i] = skynet.timer(3, function() ran = true end)
		end
		for i = 1, 100 do equal(timers[i]:cancel(), true) end
		equal(skynet.task(), before)
		skynet.sleep(6)
		equal(ran, false)
	end },
	{ "a timer that ran, or runs, cannot be cancelled", function()
		local result, t
		t = skynet.timer(1, function() result = t:cancel() end)
		tap.until_true("the timer", function() return result ~= nil end)
		equal(result, false)
		equal(t:cancel(), false)
	end },
	{ "a timer that nobody holds runs all the same", function()
		local ran
		skynet.timer(2, function() ran = true end)
		collectgarbage()
		collectgarbage()
		tap.until_true("the timer", function() return ran end)
	end },
	{ "ten thousand timers at once", function()
		local n = 0
		for i = 1, 10000 do
			skynet.timeout(i % 7, function() n = n + 1 end)
		end
		tap.until_true("all", function() return n == 10000 end)
	end },
	{ "now goes with the monotonic clock", function()
		local n0, h0 = skynet.now(), skynet.hpc()
		skynet.sleep(10)
		local n, h = skynet.now() - n0, (skynet.hpc() - h0) / 1e7
		assert(math.abs(n - h) <= 2, n .. " " .. h)
	end },
}
