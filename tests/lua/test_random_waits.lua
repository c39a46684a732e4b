-- SPDX-License-Identifier: MIT
-- Random programs: tasks that call, sleep, wait where nothing can, fork, throw, time out, wake and
-- kill each other, and end.
-- Every answer reaches its own question, nothing is woken early, and what the host keeps about
-- tasks fits together.
--
-- A program is its seed: HARBORD_SEEDS="17" runs that one, "1-5000" many; `make churn` does so.
local skynet = require "skynet"
local inner = require "skynet.coroutine"
require "skynet.manager"

local mode, seed = ...

-- ---- those who are asked: they answer with the question, after a while, in every way there is
-- ----

if mode == "peer" then
	local kept = {}
	local ways = {}
	function ways.answer(question) skynet.retpack(question) end
	function ways.raise(question) error(question) end
	function ways.forget() end
	function ways.keep(question)
		kept[#kept + 1] = { skynet.response(), question }
		if #kept > 2 then
			local r = table.remove(kept, 1)
			r[1](true, r[2])
		end
	end
	function ways.drop()
		skynet.response()
		collectgarbage()
	end
	function ways.refuse(question)
		pcall(string.gsub, "x", "x", function() skynet.sleep(1) end)
		skynet.retpack(question)
	end
	skynet.start(function()
		skynet.dispatch("lua", function(_, _, way, question, ti)
			if way == "flush" then
				for _, r in ipairs(kept) do
					r[1](true, r[2])
				end
				kept = {}
				return skynet.retpack()
			end
			if ti > 0 then
				skynet.sleep(ti)
			end
			ways[way](question)
		end)
	end)
	return
end

local WAYS <const> = { "answer", "answer", "answer", "raise", "forget", "keep", "drop", "refuse" }

-- ---- a program ----

local function program(peers)
	local hostcheck = require "hostcheck"
	local rng = math.tointeger(seed) * 2654435769 & 0x7fffffff
	local function random(n)
		rng = rng * 1103515245 + 12345 & 0x7fffffff
		return (rng >> 8) % n + 1
	end

	local failures = {}
	local function fail(fmt, ...)
		failures[#failures + 1] = fmt:format(...)
	end
	local function check(where)
		local why = hostcheck.check()
		if why then
			fail("%s: %s", where, why)
		end
	end

	local questions, tasks, tokens, left = 0, {}, {}, 150

	-- One answer for one question, or an error.
	local function examine(question, ok, answer)
		if ok and answer ~= question then
			fail("%s was answered with %s", question, tostring(answer))
		elseif not ok and type(answer) == "string" and answer:find("question %d")
			and not answer:find(question .. "$") then
			fail("%s failed with %s", question, answer)
		end
		return ok
	end

	local function ask(how)
		questions = questions + 1
		local question = ("question %d of %s."):format(questions, seed)
		local to, way, ti = peers[random(#peers)], WAYS[random(#WAYS)], random(4) - 1
		if random(5) == 1 then
			to = skynet.self()
		end
		if how == "limited" then
			return examine(question,
				pcall(skynet.calltimeout, random(4) - 1, to, "lua", way, question,
				ti))
		end
		return examine(question, pcall(skynet.call, to, "lua", way, question, ti))
	end

	local function nap(token)
		local ti = random(3)
		local began = skynet.now()
		local ok, woken = pcall(skynet.sleep, ti, token)
		if ok and woken == nil and skynet.now() - began < ti - 1 then
			fail("a sleep of %d took %d", ti, skynet.now() - began)
		end
	end

	local actions = {}
	local function any_action()
		local f = actions[random(#actions)]
		if left > 0 then
			left = left - 1
			f()
		end
	end

	-- Where nothing can wait. What is refused there is caught, or not.
	local places = {
		function(f) string.gsub("x", "x", f) end,
		function(f) table.sort({ 2, 1 }, function() f() return false end) end,
		function(f) tostring(setmetatable({},
			{ __tostring = function() f() return "" end })) end,
		function(f) skynet.packstring(setmetatable({},
			{ __pairs = function() f() return next, {} end })) end,
		function(f) local _ = setmetatable({}, { __index = function() f() end }).x;
			table.concat(setmetatable({},
			{ __len = function() return 1 end,
				__index = function() f() return "" end })) end,
		function(f) inner.wrap(function() string.gsub("x", "x", f) end)() end,
		function(f) string.gsub("x", "x", function() inner.wrap(f)() end) end,
		function(f) coroutine.wrap(f)() end,
		function(f)
			local co = inner.create(f)
			string.gsub("x", "x", function() inner.resume(co) end)
			inner.resume(co)
		end,
	}
	local function in_a_place(f)
		local place = places[random(#places)]
		if random(3) == 1 then
			place(f)
		else
			pcall(place, f)
		end
	end

	local function start(f)
		if left > 0 then
			left = left - 1
			tasks[skynet.fork(f)] = true
		end
	end

	local function some_task()
		local list = {}
		for co in pairs(tasks) do
			if coroutine.status(co) ~= "dead" then
				list[#list + 1] = co
			end
		end
		table.sort(list, function(a, b) return tostring(a) < tostring(b) end)
		return list[1] and list[random(#list)]
	end

	local function life()
		tasks[coroutine.running()] = true
		local c <close> = setmetatable({}, { __close = function()
			pcall(skynet.sleep, 1)
			pcall(skynet.retpack, "a stranger's answer")
			if random(4) == 1 then
				error "raised while it was closed"
			end
		end })
		for _ = 1, random(10) do
			any_action()
		end
	end

	actions = {
		ask, ask, ask,
		function() ask "limited" end,
		nap,
		function() nap {} end,
		function()
			local token = random(2) == 1 and {} or "token" .. random(3)
			tokens[#tokens + 1] = token
			skynet.fork(function() skynet.sleep(random(3)) skynet.wakeup(token) end)
			pcall(skynet.wait, token)
		end,
		function()
			local t = random(2) == 1 and some_task() or tokens[random(#tokens + 1)]
			if t then
				skynet.wakeup(t)
			end
		end,
		function() in_a_place(any_action) end,
		function() in_a_place(ask) end,
		function() in_a_place(function() nap {} end) end,
		function() inner.wrap(function() any_action() inner.wrap(any_action)() end)() end,
		function()
			local co = inner.create(function() ask() inner.yield() nap() end)
			inner.resume(co)
			pcall(coroutine.resume, co)
			inner.resume(co)
		end,
		function() start(life) end,
		function() start(life) start(life) end,
		function()
			local co = some_task()
			if co and co ~= coroutine.running() then
				skynet.killthread(random(3) == 1 and tostring(co) or co)
			end
		end,
		function() error "uncaught" end,
		function() pcall(any_action) end,
		function() skynet.timeout(random(3), life) end,
		function()
			local timer = skynet.timer(random(3), life)
			if random(2) == 1 then
				timer:cancel()
			end
		end,
		function() debug.sethook(function() end, "", 1000) end,
		function() coroutine.yield() end,
		function() collectgarbage "step" end,
		function() check "in a task" end,
		skynet.yield,
	}

	-- Requests to ourselves: answered, raised, forgotten, killed.
	skynet.dispatch("lua", function(_, _, way, question, ti)
		tasks[coroutine.running()] = true
		if ti > 0 then
			skynet.sleep(ti)
		end
		if way == "answer" or way == "refuse" then
			pcall(in_a_place, nap)
			skynet.retpack(question)
		elseif way == "keep" then
			local r = skynet.response()
			skynet.timeout(random(3), function() r(true, question) end)
		elseif way == "raise" then
			error(question)
		end
	end)

	for _ = 1, 8 do
		start(life)
	end
	-- What lives on unasked for is ended: who waits for a token, who stalled.
	local rounds = 0
	repeat
		skynet.sleep(1)
		check "between"
		rounds = rounds + 1
		if rounds == 5 and random(4) == 1 then
			return failures, questions -- and the service ends with all that waits
		end
		if rounds > 12 then
			left = 0
			for _, peer in ipairs(peers) do
				skynet.call(peer, "lua", "flush")
			end
			for co in pairs(tasks) do
				tasks[co] = nil
				skynet.killthread(co)
			end
		end
		local live, sessions, timeouts = hostcheck.left()
	until rounds > 300 or (live == 1 and sessions == 0 and timeouts == 0)
	if rounds > 300 then
		fail("not over: %d tasks, %d sessions, %d timeouts, %d responses", hostcheck.left())
	end
	check "at the end"
	return failures, questions
end

if mode == "program" then
	skynet.start(function()
		local list = {}
		for peer in seed:gmatch "[^,]+" do
			list[#list + 1] = math.tointeger(peer)
		end
		seed = table.remove(list, 1)
		skynet.timeout(0, function()
			local failures, questions = program(list)
			skynet.send(".random", "lua", seed, skynet.self(), failures, questions)
			skynet.exit()
		end)
	end)
	return
end

-- ---- many of them at a time ----

local AT_ONCE <const> = 12

local function range()
	local text = os.getenv "HARBORD_SEEDS" or os.getenv "HARBORD_TEST_TSAN" and "1-40"
		or "1-150"
	local from, to = text:match "^(%d+)%-(%d+)$"
	return math.tointeger(from or text), math.tointeger(to or text)
end

skynet.start(function()
	local from, to = range()
	local peers = {}
	for i = 1, 3 do
		peers[i] = skynet.newservice("test_random_waits", "peer")
	end
	skynet.register ".random"
	local slots, waiting, bad, asked = {}, {}, {}, 0
	skynet.dispatch("lua", function(_, _, n, _, failures, questions)
		for _, text in ipairs(failures) do
			bad[#bad + 1] = ("seed %d: %s"):format(n, text)
		end
		asked = asked + questions
		slots[n] = nil
		skynet.wakeup(waiting)
	end)
	local running = 0
	for n = from, to do
		slots[n] = true
		running = running + 1
		skynet.newservice("test_random_waits", "program",
			("%d,%s"):format(n, table.concat(peers, ",")))
		while true do
			running = 0
			for _ in pairs(slots) do
				running = running + 1
			end
			if running < (n == to and 1 or AT_ONCE) then
				break
			end
			skynet.sleep(1500, waiting)
		end
	end
	for i = 1, math.min(#bad, 20) do
		print("# " .. bad[i])
	end
	print(("%s 1 - random programs %d to %d"):format(#bad == 0 and "ok" or "not ok", from, to))
	print(("%s 2 - they asked something (%d questions)"):format(asked > (to - from) * 3 and "ok"
		or "not ok", asked))
	print "1..2"
	io.stdout:flush()
	skynet.abort()
end)
