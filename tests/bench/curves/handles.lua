-- SPDX-License-Identifier: MIT
-- The handle table as it fills, with C services (cell.c) that weigh next to nothing. x = services
-- alive; y = ns of a launch, mean and longest of the step (the longest is the table's growth), us
-- of a call to one picked at random, bytes of each.
local skynet = require "skynet"
require "skynet.manager"
local C = require "lib_curve"
local last = tonumber((...))

C.start(function()
	local handles, n = {}, 0
	collectgarbage "stop" -- no rehash and no collection of ours in the longest launch
	for i = 1, last do handles[i] = 0 end
	local rss = C.rss_kib()
	local function grow_to(goal)
		local worst, from, t = 0, n, C.now()
		while n < goal do
			local t0 = skynet.hpc()
			local h = skynet.launch "cell"
			local took = skynet.hpc() - t0
			if not h then
				C.row("handles.full_at", goal, n)
				C.row("handles.refusal_ns", goal, took)
				return false
			end
			n = n + 1
			handles[n] = h
			if took > worst then worst = took end
		end
		C.row("handles.launch_ns", n, (C.now() - t) * 1e9 / (n - from))
		C.row("handles.launch_worst_us", n, worst / 1e3)
		C.row("handles.bytes", n, (C.rss_kib() - rss) * 1024 / n)
		math.randomseed(1)
		t = C.now()
		for _ = 1, 200000 do skynet.rawcall(handles[math.random(n)], "lua", "", 0) end
		C.row("handles.call_ns", n, (C.now() - t) * 1e9 / 200000)
		return true
	end
	local goal = 1000
	while goal < last do
		if not grow_to(goal) then return end
		goal = goal < 1000000 and goal * 10 or goal + 1000000
	end
	grow_to(last)
end)
