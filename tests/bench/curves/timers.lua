-- SPDX-License-Identifier: MIT
-- Cost of a timer as timers grow: x far ones wait; y = ns to arm another, and CPU ns from there
-- until it has fired.
local skynet = require "skynet"
local C = require "lib_curve"
local waiting = tonumber((...))

C.start(function()
	local rss = C.rss_kib()
	local function never() end
	collectgarbage "stop" -- its own growth is not what is asked for
	local t = C.now()
	for i = 1, waiting do skynet.timeout(360000 + i % 100000, never) end
	C.row("timers.fill_ns", waiting, (C.now() - t) * 1e9 / waiting)
	C.row("timers.bytes", waiting, (C.rss_kib() - rss) * 1024 / waiting)
	local me, near = coroutine.running(), 100000
	for _ = 1, 3 do
		local fired = 0
		local function hit()
			fired = fired + 1
			if fired == near then skynet.wakeup(me) end
		end
		local c = C.cpu_ns()
		t = C.now()
		for i = 1, near do skynet.timeout(1 + i % 50, hit) end
		C.row("timers.arm_ns", waiting, (C.now() - t) * 1e9 / near)
		skynet.wait(me)
		C.row("timers.fire_cpu_ns", waiting, (C.cpu_ns() - c) / near)
	end
end)
