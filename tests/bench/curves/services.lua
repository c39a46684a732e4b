-- SPDX-License-Identifier: MIT
-- Cost of a message as services grow: 64 tokens go round a ring of x Lua services; y = ns of wall
-- time a hop. The order of the ring is shuffled, so neighbours in it are no neighbours in memory.
local skynet = require "skynet"
local C = require "lib_curve"
local mode, size = ...

if mode == "node" then
	local nextone, boss
	local cmd = {}
	function cmd.link(n, b) nextone, boss = n, b; skynet.ret(skynet.pack(true)) end
	function cmd.token(left)
		if left == 0 then skynet.send(boss, "lua", "done")
		else skynet.send(nextone, "lua", "token", left - 1) end
	end
	C.serve(cmd)
else
	local done, tokens, waiter = 0, 64, nil
	skynet.dispatch("lua", function(_, _, c)
		if c == "done" then
			done = done + 1
			if done == tokens then skynet.wakeup(waiter) end
		end
	end)
	C.start(function()
		waiter = coroutine.running()
		local n = tonumber(mode)
		local rss, ring = C.rss_kib(), {}
		C.parallel(32, function(k)
			for i = k, n, 32 do ring[i] = skynet.newservice(SERVICE_NAME, "node") end
		end)
		C.row("services.kib", n, (C.rss_kib() - rss) / n)
		math.randomseed(1)
		for i = n, 2, -1 do
			local j = math.random(i)
			ring[i], ring[j] = ring[j], ring[i]
		end
		for i = 1, n do skynet.call(ring[i], "lua", "link", ring[i % n + 1],
			skynet.self()) end
		for _ = 1, 3 do
			local hops = math.max(1600000, 4 * n) // tokens
			done = 0
			local t = C.now()
			for i = 1, tokens do skynet.send(ring[(i * n // tokens) % n + 1], "lua",
				"token", hops) end
			skynet.wait(waiter)
			C.row("services.ns_per_hop", n, (C.now() - t) * 1e9 / (tokens * hops))
		end
	end)
end
