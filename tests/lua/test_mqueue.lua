-- SPDX-License-Identifier: MIT
-- skynet.mqueue.
local skynet = require "skynet"
local mqueue = require "skynet.mqueue"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local log, inside, serving = {}, 0, nil

local function handler(what, ...)
	inside = inside + 1
	equal(inside, 1)
	serving = coroutine.running()
	if what == "slow" then
		skynet.sleep(2)
	elseif what == "gate" then
		skynet.wait "gate"
	elseif what == "raise" then
		inside = inside - 1
		error(...)
	end
	log[#log + 1] = (...)
	inside = inside - 1
	return ...
end

local me = skynet.self()

tap.run {
	{ "messages wait for their handler", function()
		local got
		skynet.fork(function() got = mqueue.call(me, "echo", "early") end)
		tap.until_true("it", function() return mqueue.size() == 1 end)
		mqueue.register(handler)
		tap.until_true("the answer", function() return got end)
		equal(got, "early")
		equal(mqueue.size(), 0)
	end },
	{ "one handler, a function", function()
		raises("already", mqueue.register, handler)
		raises("function", mqueue.register, nil)
	end },
	{ "call gives all results, and nobody is said to forget", function()
		local from = #tap.log()
		local r = table.pack(mqueue.call(me, "echo", 1, nil, "x", nil))
		equal(r.n, 4)
		equal(r[1], 1)
		equal(r[3], "x")
		assert(not tap.log():find("Maybe forgot", from + 1, true))
	end },
	{ "one at a time, in order, though the handler waits", function()
		log = {}
		local done = 0
		for i = 1, 5 do
			skynet.fork(function()
				mqueue.call(me, i == 1 and "gate" or i % 2 == 1 and "slow"
					or "echo", i)
				done = done + 1
			end)
		end
		tap.until_true("all to be there", function() return mqueue.size() == 4 end)
		skynet.wakeup "gate"
		tap.until_true("all", function() return done == 5 end)
		equal(table.concat(log, " "), "1 2 3 4 5")
	end },
	{ "the error's text reaches the caller; the next one is served", function()
		raises("it broke", mqueue.call, me, "raise", "it broke")
		equal(mqueue.call(me, "echo", "next"), "next")
	end },
	{ "results and errors that cannot be packed fail their call, not the queue", function()
		local s = skynet.newservice "callee"
		skynet.call(s, "lua", "eval", [[
			require "skynet.mqueue".register(function(bad)
				if bad then error { print } end
				return print
			end)]])
		raises("Unsupport type", mqueue.call, s)
		raises("Unsupport type", mqueue.call, s, true)
		raises("Unsupport type", mqueue.call, s)
	end },
	{ "a handler that is killed leaves the queue open", function()
		log = {}
		mqueue.send(me, "gate", 1)
		serving = nil
		skynet.killthread(tap.until_true("the handler", function() return serving end))
		inside = 0
		equal(mqueue.call(me, "echo", "after"), "after")
		equal(table.concat(log, " "), "after")
	end },
	{ "sends are served too; their errors are logged", function()
		log = {}
		local from = #tap.log()
		equal(mqueue.send(me, "echo", "sent"), 0)
		mqueue.send(me, "raise", "nobody hears")
		equal(mqueue.call(me, "echo", "last"), "last")
		equal(log[1], "sent")
		tap.logged("nobody hears", from)
	end },
	{ "between services", function()
		local s = skynet.newservice "callee"
		skynet.call(s, "lua", "eval", [[
			require "skynet.mqueue".register(function(a, b)
				if b then return a + b end
				error "no b"
			end)]])
		equal(mqueue.call(s, 2, 3), 5)
		raises("no b", mqueue.call, s, 2)
		raises("call to invalid address", mqueue.call, 0xfffff0, 1)
	end },
}
