-- SPDX-License-Identifier: MIT
-- Waits in every place of Lua that a task can wait in, and those in which it cannot.
local skynet = require "skynet"
local co = require "skynet.coroutine"
local yields = require "yields"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

if ... == "echo" then
	skynet.start(function()
		skynet.dispatch("lua", function(_, _, ...)
			skynet.sleep(1)
			skynet.retpack(...)
		end)
	end)
	return
end

skynet.memlimit(64 << 20)
local BOUNDARY <const> = "attempt to yield across a C-call boundary"
local echo

-- A wait of each kind: returns what it is given, later.
local kinds = {
	sleep = function(...)
		skynet.sleep(1)
		return ...
	end,
	yield = function(...)
		skynet.yield()
		return ...
	end,
	wait = function(...)
		local token = {}
		skynet.fork(skynet.wakeup, token)
		skynet.wait(token)
		return ...
	end,
	call = function(...)
		local r = table.pack(skynet.call(echo, "lua", ...))
		return table.unpack(r, 1, r.n)
	end,
	-- a tail call of the function that waits
	tail = function(...)
		return skynet.call(echo, "lua", ...)
	end,
}

-- Runs f(wait) for each kind, in a task, in a coroutine of it, and in one within that.
local function everywhere(f)
	for kind, wait in pairs(kinds) do
		local steps = {
			function() f(wait) end,
			co.wrap(function() f(wait) end),
			co.wrap(function()
				local inner = co.wrap(function()
					f(wait)
					co.yield "half"
					f(wait)
					return "whole"
				end)
				equal(inner(), "half")
				f(wait)
				equal(inner(), "whole")
			end),
		}
		for i, step in ipairs(steps) do
			local ok, why = xpcall(step, debug.traceback)
			assert(ok, ("%s, %d: %s"):format(kind, i, why))
		end
	end
end

local function meta(t)
	return setmetatable({}, t)
end

-- The stack of a coroutine that waits, as others see it: one line a frame.
local function frames(thread)
	local list = {}
	for line in debug.traceback(thread):gmatch "\n\t([^\n]+)" do
		list[#list + 1] = line
	end
	return list
end

tap.run {
	{ "plain, protected, with a handler of messages", function()
		echo = skynet.newservice(SERVICE_NAME, "echo")
		everywhere(function(wait)
			equal(select("#", wait(1, nil)), 2)
			equal(select(2, pcall(wait, "p")), "p")
			local ok, why = pcall(function() error { wait "object" } end)
			equal(ok, false)
			equal(why[1], "object")
			ok, why = xpcall(function(x)
				wait()
				error(wait(x), 0)
			end, function(text) return text .. " handled" end, "error")
			equal(ok, false)
			equal(why, "error handled")
			-- an error after one that was caught, and a wait after both
			equal(select(2, pcall(function()
				pcall(function() error(wait "inner") end)
				error(wait "outer", 0)
			end)), "outer")
			equal(wait "end", "end")
		end)
	end },
	{ "a handler of messages must not wait", function()
		local ok, why = xpcall(error, function()
			local can, text = pcall(skynet.sleep, 0)
			equal(can, false)
			return text
		end, "x")
		equal(ok, false)
		assert(why:find(BOUNDARY, 1, true), why)
	end },
	{ "variables that are closed: by a block's end, a return, a break, an error", function()
		everywhere(function(wait)
			local log = {}
			local function guard(name)
				return meta { __close = function(_, why)
					log[#log + 1] = wait(name .. (why and "!" or ""))
				end }
			end
			do
				local a <close> = guard "a"
				local b <close> = guard "b"
				wait()
			end
			local function f()
				local c <close> = guard "c"
				return wait(1, 2)
			end
			equal(select("#", f()), 2)
			for _ = 1, 2 do
				local d <close> = guard "d"
				wait()
				break
			end
			equal(pcall(function()
				local e <close> = guard "e"
				error(wait "x")
			end), false)
			local function once(_, i) return wait(not i or nil) end
			for _ in once, nil, nil, guard "g" do
				wait()
			end
			equal(table.concat(log, " "), "b a c d e! g")
		end)
	end },
	{ "iterators and metamethods", function()
		everywhere(function(wait)
			local sum = 0
			for i in function(n, i) return wait(i < n and i + 1 or nil) end, 3, 0 do
				sum = sum + wait(i)
			end
			equal(sum, 6)
			local t = meta {
				__index = function(_, k) return wait(k) end,
				__newindex = function(t, k, v) rawset(t, k, wait(v)) end,
				__call = function(_, a, b) return wait(a, b) end,
				__add = function() return (wait "sum") end,
				__lt = function() return (wait(true)) end,
				__eq = function() return (wait(true)) end,
				__concat = function() return (wait "text") end,
				__len = function() return (wait(7)) end,
			}
			equal(t.key, "key")
			t.new = 5
			equal(rawget(t, "new"), 5)
			equal(select(2, t(1, 2)), 2)
			equal(t + 1, "sum")
			equal(t < t, true)
			equal(t .. "x", "text")
			equal(#t, 7)
			-- a callable table whose function is the one that waits
			local callable = meta { __call = skynet.yield }
			callable()
			callable("argument")
		end)
	end },
	{ "what C calls must not wait: comparators, replacements, finalizers", function()
		everywhere(function(wait)
			raises(BOUNDARY, table.sort, { 2, 1, 3 }, function(a, b)
				wait()
				return a < b
			end)
			raises(BOUNDARY, string.gsub, "x", "x", function(s) return wait(s) end)
			local _, text = load(function() return wait() end)
			assert(text:find(BOUNDARY, 1, true), text)
			raises(BOUNDARY, yields.call, wait)
			local said
			meta { __gc = function() said = select(2, pcall(wait)) end }
			collectgarbage()
			assert(said:find(BOUNDARY, 1, true), said)
			local ok, why = pcall(string.gsub, "x", "x", skynet.yield)
			equal(ok, false)
			assert(why:find(BOUNDARY, 1, true))
			equal(wait "after", "after")
		end)
	end },
	{ "C modules that call so that one may wait, and that yield themselves", function()
		everywhere(function(wait)
			equal(select("#", yields.callk(wait, 1, nil)), 2)
			local ok, a = yields.pcallk(wait, "a")
			equal(ok, true)
			equal(a, "a")
			ok, a = yields.pcallk(function() error(wait "why", 0) end)
			equal(ok, false)
			equal(a, "why")
			yields.callk(pcall, yields.callk, wait)
		end)
		local c = co.create(function(...)
			local a, b = yields.yieldk(...)
			kinds.sleep()
			return a, b, (co.yield "second")
		end)
		equal(select(2, co.resume(c, "first")), "first")
		equal(select(2, co.resume(c, "x")), "second")
		local _, a, b, last = co.resume(c, "y")
		equal(a, "back")
		equal(b, "x")
		equal(last, "y")
		equal(yields.own(), 66)
	end },
	{ "a yield out of a hook, and a wait in what runs next", function()
		for kind, wait in pairs(kinds) do
			local order = {}
			local c = co.create(function()
				yields.hook((coroutine.running()))
				order[#order + 1] = "stopped"
				order[#order + 1] = co.yield(kind)
				order[#order + 1] = wait "waited"
				return "end"
			end)
			equal(#table.pack(co.resume(c)), 1)
			equal(#order, 0)
			equal(select(2, co.resume(c)), kind)
			equal(select(2, co.resume(c, "passed")), "end")
			equal(table.concat(order, " "), "stopped passed waited")
			-- the function that waits is the first thing that runs after the hook
			c = co.create(function()
				yields.hook((coroutine.running()))
				local got = wait(kind)
				return got
			end)
			equal(#table.pack(co.resume(c)), 1)
			equal(select(2, co.resume(c)), kind)
		end
		local from, begin = skynet.hpc(), nil
		local c = co.create(function()
			yields.hook((coroutine.running()))
			skynet.sleep(3)
			return skynet.hpc()
		end)
		co.resume(c)
		begin = skynet.hpc()
		assert(select(2, co.resume(c)) - begin >= 20000000, "no sleep at all")
		assert(begin >= from)
	end },
	{ "hooks of Lua are called around waits, and must not wait", function()
		everywhere(function(wait)
			local seen, said = 0, nil
			local thread = coroutine.running()
			debug.sethook(thread, function()
				seen = seen + 1
				said = said or select(2, pcall(skynet.sleep, 0))
			end, "crl")
			local got = wait "hooked"
			debug.sethook(thread)
			equal(got, "hooked")
			assert(seen > 3)
			assert(said:find(BOUNDARY, 1, true), said)
		end)
	end },
	{ "a task that waits is looked at with the function it waits in, and closed", function()
		for _, protected in ipairs { false, true } do
			local thread, closed
			local function body()
				thread = coroutine.running()
				local guard <close> = meta {
					__close = function() closed = true end,
				}
				skynet.sleep(1000)
				error "not reached"
			end
			skynet.fork(protected and function() pcall(body) end or body)
			skynet.yield()
			local list = frames(thread)
			assert(list[1]:find "^%[C%]: in .*sleep", list[1])
			assert(list[2]:find "test_yields.lua:%d+: in ", list[2])
			equal(debug.getinfo(thread, 0, "S").what, "C")
			equal(debug.getinfo(thread, 1, "f").func, body)
			local name, value = debug.getlocal(thread, 1, 1)
			equal(name, "guard")
			equal(type(value), "table")
			skynet.killthread(thread)
			tap.until_true("the end", function() return closed end)
		end
		local c = co.create(function() skynet.wait "never" end)
		skynet.fork(co.resume, c)
		skynet.yield()
		assert(frames(c)[1]:find "wait", frames(c)[1])
		equal(co.close(c), true)
		equal(coroutine.status(c), "dead")
	end },
	{ "an error behind a wait has the stack that it would have without", function()
		local function stack(wait)
			local c = coroutine.running()
			local function inner()
				wait()
				error "deep"
			end
			local function outer()
				inner()
				return c
			end
			local text = select(2, xpcall(outer, debug.traceback))
			return text:match "^(.-)%s+%[C%]: in function 'xpcall'"
		end
		local plain = stack(function() end)
		assert(plain:find "upvalue 'inner'", plain)
		for _, wait in pairs(kinds) do
			equal(stack(wait), plain)
		end
	end },
	{ "a count of results below zero is as harmless as it was", function()
		for _ = 1, 3 do
			yields.minus()
			equal(kinds.sleep "x", "x")
		end
		equal(co.wrap(function()
			yields.minus()
			skynet.yield()
			return "here"
		end)(), "here")
	end },
	{ "deep stacks, and memory that runs out between waits", function()
		local function deep(n, wait)
			if n == 0 then
				return wait "bottom"
			end
			local got = deep(n - 1, wait)
			return got
		end
		for _, wait in pairs(kinds) do
			equal(deep(10000, wait), "bottom")
			raises("not enough memory", function()
				wait()
				local s = wait "x"
				for _ = 1, 60 do s = s .. s end
			end)
			local function endless(n)
				if n % 1000 == 0 then skynet.yield() end
				return 1 + endless(n + 1)
			end
			raises("stack overflow", endless, 1)
			equal(wait "after", "after")
		end
	end },
}
