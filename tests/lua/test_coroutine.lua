-- SPDX-License-Identifier: MIT
-- skynet.coroutine, row by row.
local skynet = require "skynet"
local co = require "skynet.coroutine"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

tap.run {
	{ "it has what coroutine has, and thread", function()
		for name in pairs(coroutine) do equal(type(co[name]), "function") end
		equal(type(co.thread), "function")
		equal(co.isyieldable(), true)
		equal((co.running()), (coroutine.running()))
	end },
	{ "values go in and out as in Lua, nils too", function()
		local c = co.create(function(...)
			local r = table.pack(co.yield(select("#", ...), ...))
			return r.n, table.unpack(r, 1, r.n)
		end)
		local r = table.pack(co.resume(c, nil, 2, nil))
		equal(r.n, 5)
		equal(r[1], true)
		equal(r[2], 3)
		equal(r[4], 2)
		r = table.pack(co.resume(c, "x", nil))
		equal(r.n, 4)
		equal(r[2], 2)
		equal(r[3], "x")
		raises("function", co.create, 1)
		raises("coroutine", co.resume, 1)
	end },
	{ "resume returns for real yields only, whatever the body waits for", function()
		local s, steps = skynet.newservice "callee", {}
		local c = co.create(function()
			skynet.sleep(1)
			co.yield "slept"
			co.yield(skynet.call(s, "lua", "echo", "called"))
			skynet.fork(skynet.wakeup, "token")
			skynet.wait "token"
			co.yield "woken"
			skynet.yield()
			return "done"
		end)
		repeat
			local _, step = co.resume(c)
			steps[#steps + 1] = step
		until co.status(c) == "dead"
		equal(table.concat(steps, " "), "slept called woken done")
	end },
	{ "status: suspended, running, normal, blocked, dead", function()
		local c, inner
		c = co.create(function()
			equal(co.status(c), "running")
			inner = co.create(function()
				equal(co.status(c), "normal")
			end)
			assert(co.resume(inner))
			equal(co.status(inner), "dead")
			skynet.wait "status"
		end)
		equal(co.status(c), "suspended")
		local ended
		skynet.fork(function() ended = table.pack(co.resume(c)) end)
		skynet.yield()
		equal(co.status(c), "blocked")
		skynet.wakeup "status"
		tap.until_true("its end", function() return ended end)
		equal(ended[1], true)
		equal(co.status(c), "dead")
	end },
	{ "resume refuses the blocked, the foreign and the dead, in these words", function()
		local c = co.create(function() skynet.wait "blocked" end)
		local done
		skynet.fork(function() done = co.resume(c) end)
		skynet.yield()
		local ok, why = co.resume(c)
		equal(ok, false)
		equal(why, "cannot resume a skynet coroutine suspend by skynet framework")
		skynet.wakeup "blocked"
		tap.until_true("its end", function() return done end)
		equal(select(2, co.resume(c)), "cannot resume dead coroutine")
		ok, why = co.resume(coroutine.create(print))
		equal(ok, false)
		equal(why, "cannot resume none skynet coroutine")
		equal(select(2, co.resume((coroutine.running()))),
			"cannot resume none skynet coroutine")
	end },
	{ "thread tells the task it is part of, and whether it is the task", function()
		local me = coroutine.running()
		local t, is_task = co.thread()
		equal(t, me)
		equal(is_task, true)
		t, is_task = co.thread(me)
		equal(t, me)
		equal(is_task, true)
		local c
		c = co.create(function()
			local thread, itself = co.thread()
			equal(thread, me)
			equal(itself, false)
			co.yield()
		end)
		assert(co.resume(c))
		t, is_task = co.thread(c)
		equal(t, me)
		equal(is_task, false)
	end },
	{ "an error is given by resume and raised by wrap, before and after a wait", function()
		for _, wait in ipairs { false, true } do
			local function body()
				if wait then skynet.sleep(1) end
				error "in the body"
			end
			local ok, why = co.resume(co.create(body))
			equal(ok, false)
			assert(why:find "in the body")
			raises("in the body", co.wrap(body))
		end
		local object = {}
		local ok, why = pcall(co.wrap(function() error(object) end))
		equal(ok, false)
		equal(why, object)
	end },
	{ "wrap is an iterator that may wait", function()
		local list = {}
		for i in co.wrap(function()
			for i = 1, 3 do
				skynet.sleep(1)
				co.yield(i)
			end
		end) do
			list[#list + 1] = i
		end
		equal(table.concat(list, ","), "1,2,3")
	end },
	{ "yield in the task itself is logged and fails nobody else", function()
		local from = #tap.log()
		skynet.fork(function() co.yield "nowhere" end)
		tap.logged("Call skynet.coroutine.yield out of skynet.coroutine.resume", from)
	end },
	{ "coroutines inside coroutines wait for the whole task", function()
		local order = {}
		skynet.fork(function() order[#order + 1] = "other task" end)
		local outer = co.wrap(function()
			local inner = co.wrap(function()
				skynet.sleep(1)
				order[#order + 1] = "inner"
				co.yield(1)
				skynet.sleep(1)
				return 2
			end)
			co.yield(inner())
			co.yield(inner())
		end)
		equal(outer(), 1)
		equal(outer(), 2)
		equal(table.concat(order, ","), "other task,inner")
	end },
	{ "close closes variables; one that is closed while it is blocked ends its resume",
		function()
		local closed = 0
		local function guarded()
			local guard <close> = setmetatable({},
				{ __close = function() closed = closed + 1 end })
			co.yield()
			skynet.sleep(2)
			return "not reached"
		end
		local c = co.create(guarded)
		assert(co.resume(c))
		equal(co.close(c), true)
		equal(closed, 1)
		equal(co.status(c), "dead")
		c = co.create(guarded)
		assert(co.resume(c))
		local result
		skynet.fork(function() result = table.pack(co.resume(c)) end)
		skynet.yield()
		equal(co.status(c), "blocked")
		co.close(c)
		equal(closed, 2)
		tap.until_true("the resume", function() return result end)
		equal(result[1], false)
	end },
	{ "a call that fails inside fails the coroutine; killthread closes what is inside",
		function()
		local c = co.create(function() skynet.call(0xfffffe, "lua") end)
		local ok, why = co.resume(c)
		equal(ok, false)
		assert(why:find "call to invalid address")
		local s = skynet.newservice "callee"
		c = co.create(function() skynet.call(s, "lua", "hang") end)
		local failed
		skynet.fork(function() failed = table.pack(co.resume(c)) end)
		skynet.yield()
		skynet.kill(s)
		tap.until_true("the failure", function() return failed end)
		equal(failed[1], false)
		assert(failed[2]:find "call failed")
		local co2 = co.create(function() skynet.wait "for ever" end)
		local task = skynet.fork(function() co.resume(co2) end)
		skynet.yield()
		equal(skynet.killthread(task), task)
		equal(skynet.wakeup "for ever", nil)
	end },
}
