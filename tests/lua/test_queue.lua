-- SPDX-License-Identifier: MIT
-- skynet.queue.
local skynet = require "skynet"
local queue = require "skynet.queue"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

tap.run {
	{ "the module is the constructor, and a field of skynet", function()
		equal(skynet.queue, queue)
		assert(queue() ~= queue())
	end },
	{ "arguments and results pass, nils too", function()
		local r = table.pack(queue()(function(...) return select("#", ...), ..., nil end, 1,
			nil, 3))
		equal(r.n, 3)
		equal(r[1], 3)
		equal(r[2], 1)
	end },
	{ "one at a time, first come first served", function()
		local cs, seen, inside = queue(), {}, 0
		for i = 1, 20 do
			skynet.fork(cs, function()
				inside = inside + 1
				equal(inside, 1)
				if i % 3 == 0 then skynet.sleep(1) else skynet.yield() end
				seen[#seen + 1] = i
				inside = inside - 1
			end)
		end
		tap.until_true("all", function() return #seen == 20 end)
		for i = 1, 20 do equal(seen[i], i) end
	end },
	{ "nobody overtakes who waits already", function()
		local cs, seen = queue(), {}
		skynet.fork(cs, function() skynet.sleep(1) seen[#seen + 1] = "a" end)
		skynet.fork(function()
			cs(function() seen[#seen + 1] = "b" end)
			cs(function() seen[#seen + 1] = "d" end)
		end)
		skynet.fork(cs, function() seen[#seen + 1] = "c" end)
		tap.until_true("all", function() return #seen == 4 end)
		equal(table.concat(seen), "abcd")
	end },
	{ "re-entrant for the same task", function()
		local cs = queue()
		local function nested(f) return function() return cs(f) end end
		equal(cs(nested(nested(function() return "deep" end))), "deep")
		equal(cs(function() return "free" end), "free")
	end },
	{ "an error lets go, with a traceback; objects pass as they are", function()
		local cs, object = queue(), {}
		local why = raises("oops", cs, function() error "oops" end)
		assert(why:find "traceback")
		local ok, what = pcall(cs, function() error(object) end)
		equal(ok, false)
		equal(what, object)
		ok = pcall(cs, function() cs(function() error "inner" end) end)
		equal(ok, false)
		equal(cs(function() return "free" end), "free")
	end },
	{ "a foreign wakeup lets nobody in too early", function()
		local cs, inside, bad = queue(), false, false
		skynet.fork(cs, function() inside = true skynet.sleep(3) inside = false end)
		local waiter = skynet.fork(function()
			pcall(cs, function() bad = inside end)
		end)
		skynet.sleep(1)
		skynet.wakeup(waiter)
		skynet.sleep(5)
		equal(bad, false)
		equal(cs(function() return "free" end), "free")
	end },
	{ "one that is killed inside, or waiting, or just let in, is out", function()
		local cs, seen = queue(), {}
		local function enter(name, ti)
			return skynet.fork(cs,
				function() skynet.sleep(ti) seen[#seen + 1] = name end)
		end
		local inside, waiting = enter("a", 100), enter("b", 0)
		enter("c", 0)
		skynet.yield()
		skynet.killthread(waiting)
		skynet.killthread(inside)
		tap.until_true("the next", function() return seen[1] end)
		equal(seen[1], "c")
		local let_in
		skynet.fork(cs, skynet.sleep, 1)
		let_in = enter("d", 0)
		skynet.yield()
		skynet.fork(function()
			cs(function() seen[#seen + 1] = "e" end)
		end)
		skynet.sleep(1)
		skynet.killthread(let_in)
		equal(cs(function() return "free" end), "free")
		tap.until_true("the last", function() return seen[#seen] == "e" end)
	end },
}
