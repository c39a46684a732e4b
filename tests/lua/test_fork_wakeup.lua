-- SPDX-License-Identifier: MIT
-- Tasks: fork, wait, wakeup, killthread, task.
local skynet = require "skynet"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

tap.run {
	{ "fork gives the coroutine and runs it after the current task waits", function()
		local seen = {}
		local co = skynet.fork(function(...)
			seen.co = coroutine.running()
			seen.args = table.pack(...)
		end, nil, 2, nil)
		equal(type(co), "thread")
		equal(seen.co, nil)
		skynet.yield()
		equal(seen.co, co)
		equal(seen.args.n, 3)
		equal(seen.args[2], 2)
	end },
	{ "forks of forks run in the same turn, before the next message", function()
		local seen = {}
		skynet.dispatch("lua", function() seen[#seen + 1] = "message" end)
		skynet.send(skynet.self(), "lua")
		skynet.fork(function()
			seen[#seen + 1] = "a"
			skynet.fork(function()
				seen[#seen + 1] = "c"
				skynet.fork(function() seen[#seen + 1] = "d" end)
			end)
		end)
		skynet.fork(function() seen[#seen + 1] = "b" end)
		skynet.yield()
		equal(table.concat(seen, ","), "a,b,c,d,message")
	end },
	{ "wakeups come before forks, both first come first served", function()
		local seen, t1, t2 = {}, {}, {}
		skynet.fork(function() skynet.wait(t1) seen[#seen + 1] = "w1" end)
		skynet.fork(function() skynet.wait(t2) seen[#seen + 1] = "w2" end)
		skynet.yield()
		skynet.fork(function() seen[#seen + 1] = "f" end)
		equal(skynet.wakeup(t2), true)
		equal(skynet.wakeup(t1), true)
		skynet.yield()
		equal(table.concat(seen, ","), "w2,w1,f")
	end },
	{ "an error in a fork is logged, the others run", function()
		local from, ran = #tap.log(), false
		skynet.fork(function() error "fork broke" end)
		skynet.fork(function() ran = true end)
		skynet.yield()
		equal(ran, true)
		tap.logged("fork broke", from)
	end },
	{ "wait gives nothing; sleep nil, or BREAK", function()
		local me = coroutine.running()
		skynet.fork(function() skynet.wakeup(me) end)
		equal(select("#", skynet.wait()), 0)
		skynet.fork(function() skynet.wakeup "token" end)
		equal(skynet.sleep(100, "token"), "BREAK")
		equal(skynet.sleep(1, "token"), nil)
	end },
	{ "wakeup of what does not wait, or waits for an answer, does nothing", function()
		equal(skynet.wakeup {}, nil)
		equal(skynet.wakeup(coroutine.running()), nil)
		local s, done = skynet.newservice "callee", nil
		local co = skynet.fork(function() done = skynet.call(s, "lua", "slow", 3) end)
		skynet.yield()
		equal(skynet.wakeup(co), nil)
		tap.until_true("the answer", function() return done end)
		equal(done, 3)
	end },
	{ "two wakeups before it runs end two waits", function()
		local token, n = {}, 0
		skynet.fork(function()
			skynet.wait(token)
			n = n + 1
			skynet.wait(token)
			n = n + 1
		end)
		skynet.yield()
		equal(skynet.wakeup(token), true)
		equal(skynet.wakeup(token), true)
		skynet.yield()
		equal(n, 2)
	end },
	{ "one token, one waiter", function()
		local token = {}
		local co = skynet.fork(function() skynet.wait(token) end)
		skynet.yield()
		raises("token duplicative", skynet.wait, token)
		raises("token duplicative", skynet.sleep, 1, token)
		equal(skynet.killthread(co), co)
		skynet.fork(skynet.wakeup, token)
		skynet.wait(token) -- free again
	end },
	{ "killthread: a fork that has not started, by object and by pattern", function()
		local ran = false
		local a = skynet.fork(function() ran = true end)
		local b = skynet.fork(function() ran = true end)
		equal(skynet.killthread(a), a)
		equal(skynet.killthread(tostring(b):gsub("%W", "%%%0")), b)
		skynet.yield()
		equal(ran, false)
		equal(skynet.killthread "no such thread", nil)
	end },
	{ "killthread closes variables; the answer it waited for is ignored", function()
		local s, closed, came = skynet.newservice "callee", false, false
		local co = skynet.fork(function()
			local guard <close> = setmetatable({},
				{ __close = function() closed = true end })
			skynet.call(s, "lua", "slow", 2)
			came = true
		end)
		skynet.yield()
		equal(skynet.killthread(co), co)
		equal(closed, true)
		skynet.sleep(4)
		equal(came, false)
		equal(skynet.call(s, "lua", "echo", 1), 1)
	end },
	{ "killthread of a handler fails its caller", function()
		local handler
		skynet.dispatch("lua", function()
			handler = coroutine.running()
			skynet.wait()
		end)
		skynet.timeout(1, function() skynet.killthread(handler) end)
		raises("call failed", skynet.call, skynet.self(), "lua")
	end },
	{ "task counts, lists and shows", function()
		local co = skynet.fork(function() skynet.sleep(1000) end)
		skynet.yield()
		assert(skynet.task() >= 1)
		local session = skynet.task(co)
		assert(session > 0)
		assert(skynet.task(session):find "traceback")
		equal(skynet.task(0x7ffffffe), "No session")
		local list, n = {}, 0
		skynet.task(list)
		for key in pairs(list) do
			assert(key:find "^thread: 0x%x+ session: %d+$", key)
			n = n + 1
		end
		assert(n >= 1)
		skynet.killthread(co)
	end },
	{ "uniqtask joins tasks that wait at the same place", function()
		local tasks = {}
		for i = 1, 12 do tasks[i] = skynet.fork(function() skynet.sleep(1000) end) end
		skynet.yield()
		local found
		for key in pairs(skynet.uniqtask()) do
			if key:find "^12\tsessions:%[[%d,]+,%.%.%.%]\n$" then found = key end
		end
		for _, co in ipairs(tasks) do skynet.killthread(co) end
		assert(found)
	end },
	{ "tasks are recycled", function()
		collectgarbage()
		local kb = collectgarbage "count"
		for _ = 1, 200 do
			for _ = 1, 50 do skynet.fork(skynet.yield) end
			skynet.yield()
			skynet.yield()
		end
		collectgarbage()
		assert(collectgarbage "count" < kb + 200, collectgarbage "count" - kb)
	end },
}
