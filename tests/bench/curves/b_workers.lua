-- SPDX-License-Identifier: MIT
-- What more workers than cores cost: calls one at a time, 64 at a time over 8 services, sends of 16
-- pairs, a ring of 1,000, and timers armed by 8 services at once. The runner's x is the number of
-- workers.
local skynet = require "skynet"
local C = require "lib_curve"
local mode = ...

if mode == "peer" then
	local n, nextone, boss = 0, nil, nil
	local cmd = {}
	function cmd.echo(...) skynet.ret(skynet.pack(...)) end
	function cmd.hit() n = n + 1 end
	function cmd.count() skynet.ret(skynet.pack(n)) end
	function cmd.fire(sink, m)
		for i = 1, m do
			skynet.send(sink, "lua", "hit", i)
			if i % 1000 == 0 then skynet.yield() end
		end
		skynet.ret(skynet.pack(true))
	end
	function cmd.arm(m)
		local left, me = m, coroutine.running()
		local function hit()
			left = left - 1
			if left == 0 then skynet.wakeup(me) end
		end
		local t = C.now()
		for i = 1, m do skynet.timeout(1 + i % 20, hit) end
		t = C.now() - t
		skynet.wait(me)
		skynet.ret(skynet.pack(t))
	end
	function cmd.link(s, b) nextone, boss = s, b; skynet.ret(skynet.pack(true)) end
	function cmd.token(left)
		if left == 0 then skynet.send(boss, "lua", "done") else skynet.send(nextone, "lua",
			"token", left - 1) end
	end
	C.serve(cmd)
else
	local done, waiter = 0, nil
	skynet.dispatch("lua", function()
		done = done + 1
		if done == 64 then skynet.wakeup(waiter) end
	end)
	C.start(function()
		local s = {}
		for i = 1, 1000 do s[i] = skynet.newservice(SERVICE_NAME, "peer") end
		local t = C.now()
		for i = 1, 200000 do skynet.call(s[1], "lua", "echo", i) end
		C.report("workers.sequential_calls", 200000 / (C.now() - t), "calls/s")
		t = C.now()
		C.parallel(64, function(i)
			for k = 1, 4000 do skynet.call(s[i % 8 + 1], "lua", "echo", k, "player",
				i) end
		end)
		C.report("workers.concurrent_calls", 256000 / (C.now() - t), "calls/s")
		t = C.now()
		C.parallel(16, function(i)
			skynet.call(s[i], "lua", "fire", s[i + 16], 40000)
			while skynet.call(s[i + 16], "lua", "count") < 40000 do skynet.yield() end
		end)
		C.report("workers.sends", 640000 / (C.now() - t), "msgs/s")
		for i = 1, 1000 do skynet.call(s[i], "lua", "link", s[i % 1000 + 1],
			skynet.self()) end
		waiter = coroutine.running()
		t = C.now()
		for i = 1, 64 do skynet.send(s[i * 15], "lua", "token", 12000) end
		skynet.wait(waiter)
		C.report("workers.ring_hops", 64 * 12000 / (C.now() - t), "hops/s")
		local sum = 0
		C.parallel(8, function(i) sum = sum + skynet.call(s[i], "lua", "arm", 40000) end)
		C.report("workers.arm_ns_each", sum / (8 * 40000) * 1e9, "ns")
	end)
end
