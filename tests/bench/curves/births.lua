-- SPDX-License-Identifier: MIT
-- 20,000 Lua services are born and killed, three times over: what stays of their memory. x =
-- seconds since the last death of the round; the row at -1 is before the births, at -0.5 while all
-- live. y = resident MiB, and what the allocator says is in use and is held in pages. Argument
-- "quiet": nothing happens between the rows; "ticking": a timer every 50 ms, as on a node that is
-- never quite idle. The first round of a fresh node also fills what is kept on purpose (service
-- structs, caches); the later rounds show what grows.
local skynet = require "skynet"
local memory = require "skynet.memory"
local C = require "lib_curve"
local mode = ...

if mode == "idle" then
	skynet.start(function() skynet.dispatch("lua", function() end) end)
else
	C.start(function()
		local n = 20000
		local function rows(round, x)
			local name = ("births.%s.round%d"):format(mode, round)
			collectgarbage()
			C.row(name .. ".rss", x, C.rss_kib() / 1024)
			local all = memory.jestat()
			C.row(name .. ".allocated", x, all["stats.allocated"] / 2 ^ 20)
			C.row(name .. ".resident", x, all["stats.resident"] / 2 ^ 20)
		end
		for round = 1, 3 do
			rows(round, -1)
			local all = {}
			C.parallel(32, function(k)
				for i = k, n, 32 do all[i] = skynet.newservice(SERVICE_NAME,
					"idle") end
			end)
			rows(round, -0.5)
			for i = 1, n do skynet.kill(all[i]) end
			all = nil
			local t = C.now()
			for _, at in ipairs { 0, 1, 8, 20 } do
				if mode == "quiet" and at > C.now() - t then
					skynet.sleep((at - (C.now() - t)) * 100 // 1) end
				while C.now() - t < at do skynet.sleep(5) end
				rows(round, at)
			end
		end
	end)
end
