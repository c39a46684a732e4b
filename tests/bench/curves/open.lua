-- SPDX-License-Identifier: MIT
-- Tail latency, open loop: requests are due at fixed times, whether or not earlier ones are
-- answered, and the latency counts from the planned time: a stall hurts all that were due in it.
-- First the capacity of the same path (as many requests as it takes), then the stated share of it.
-- Arguments: case, seconds, share (0..1).
-- local      the callee is a service of this node         remote   of another node (links_peer,
-- PEER2)
--   noisy      local, and a service that computes 50 ms at a time, then rests 50 ms
--   hog        local, and one that computes 50 ms at a time without rest
-- generational, incremental   local, and the callee has 100 MB of live tables and replaces some
-- with each request
--   remote_noisy   remote, and the 50 ms service on this node
local skynet = require "skynet"
local C = require "lib_curve"
local case, seconds, share = ...
seconds, share = tonumber(seconds), tonumber(share)

local function busy_50ms()
	local t = C.now()
	while C.now() - t < 0.05 do end
end

-- The mode is chosen by the first message, and told back from what is in force at the end.
local function heap(mode)
	collectgarbage(mode)
	local live, n = {}, 0
	while collectgarbage "count" < 100 * 1024 do
		n = n + 1
		live[n] = { id = n, name = "item" .. n, pos = { x = n, y = -n } }
	end
	local at, worst = 0, 0
	skynet.dispatch("lua", function(_, _, what)
		if what == "mode" then
			local was = collectgarbage(mode)
			skynet.ret(skynet.pack(was))
			return
		elseif what == "worst" then
			local in_force = collectgarbage(mode)
			skynet.ret(skynet.pack(worst, collectgarbage "count" / 1024, in_force))
			worst = 0
			return
		end
		local t = skynet.hpc()
		for _ = 1, 4 do
			at = at % n + 1
			live[at] = { id = at, name = "item" .. at, pos = { x = at, y = -at } }
		end
		local took = skynet.hpc() - t
		if took > worst then worst = took end
		skynet.ret(skynet.pack(true))
	end)
end

if seconds == nil then
	skynet.start(function()
		if case == "echo" then
			skynet.dispatch("lua", function(_, _, ...) skynet.ret(skynet.pack(...)) end)
		elseif case == "noise" or case == "hog" then
			skynet.fork(function()
				while true do
					busy_50ms()
					if case == "noise" then skynet.sleep(5) else skynet.yield()
						end
				end
			end)
		else
			heap(case)
		end
	end)
else
	C.start(function()
		local gc = case == "generational" or case == "incremental"
		local s
		if case:find "^remote" then
			s = require "skynet.harbor".queryname "PEER2"
		else
			s = skynet.newservice(SERVICE_NAME, gc and case or "echo")
		end
		-- Latencies go into buckets 2 % wide, so that the generator holds no table that
		-- grows: the rehash and the collection of a million numbers would stall all that is
		-- due meanwhile.
		local histogram = {}
		for i = 1, 1000 do histogram[i] = 0 end
		local me = coroutine.running()
		-- n requests, the i-th due i * gap seconds after the start; gap 0: at most 64 under
		-- way, for the capacity
		local function drive(n, gap)
			local answered, sent, worst, t0 = 0, 0, 0, C.now()
			for i = 1, #histogram do histogram[i] = 0 end
			local function request(planned)
				skynet.call(s, "lua", 1)
				answered = answered + 1
				local took = C.now() - planned
				if took > worst then worst = took end
				local at = math.log(took * 1e6) * 50 // 1 | 0
				at = at < 1 and 1 or at
				histogram[at] = histogram[at] + 1
				if answered == n then skynet.wakeup(me) end
			end
			while sent < n do
				local due = gap > 0 and math.min(n, (C.now() - t0) / gap // 1)
					or math.min(n, answered + 64)
				while sent < due do
					sent = sent + 1
					skynet.fork(request, t0 + sent * gap)
				end
				skynet.yield()
			end
			if answered < n then skynet.wait(me) end
			return C.now() - t0, worst
		end
		local function quantile(n, p)
			local sum = 0
			for i = 1, #histogram do
				sum = sum + histogram[i]
				if sum >= n * p then return math.exp((i + 1) / 50) end
			end
		end
		if gc then
			local was = skynet.call(s, "lua", "mode")
			C.row("open." .. case .. ".start_choice_kept", share,
				was == case and 1 or 0)
		end
		drive(20000, 0)
		local n = case:find "^remote" and 100000 or 200000
		local capacity = n / drive(n, 0)
		C.row("open." .. case .. ".capacity_per_s", share, capacity)
		if gc then skynet.call(s, "lua", "worst") end
		if case:find "noisy" then skynet.newservice(SERVICE_NAME, "noise") end
		if case == "hog" then skynet.newservice(SERVICE_NAME, "hog") end
		local rate = capacity * share
		n = rate * seconds // 1 | 0
		local wall, worst = drive(n, 1 / rate)
		C.row("open." .. case .. ".rate_per_s", share, n / wall)
		C.row("open." .. case .. ".p50_us", share, quantile(n, 0.5))
		C.row("open." .. case .. ".p99_us", share, quantile(n, 0.99))
		C.row("open." .. case .. ".p99.9_us", share, quantile(n, 0.999))
		C.row("open." .. case .. ".max_us", share, worst * 1e6)
		if gc then
			local longest, mib, in_force = skynet.call(s, "lua", "worst")
			assert(in_force == case, "the callee's collector is " .. in_force)
			C.row("open." .. case .. ".longest_handler_us", share, longest / 1e3)
			C.row("open." .. case .. ".heap_mib", share, mib)
		end
	end)
end
