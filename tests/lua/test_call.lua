-- SPDX-License-Identifier: MIT
-- Calls: addresses, answers, reasons of failure, deadlines.
local skynet = require "skynet"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local function callee(...) return skynet.newservice("callee", ...) end

tap.run {
	{ "rawcall gives pointer and size, call of no values none", function()
		local s = callee()
		local msg, size = skynet.rawcall(s, "lua", skynet.pack("echo", 1, "x"))
		equal(type(msg), "userdata")
		local a, b = skynet.unpack(msg, size)
		equal(a, 1)
		equal(b, "x")
		equal(select("#", skynet.call(s, "lua", "echo")), 0)
		equal(select("#", skynet.call(s, "lua", "ret_nothing")), 0)
		raises("call failed", skynet.rawcall, s, "lua", skynet.pack("raise", "no"))
		raises("call to invalid address", skynet.rawcall, 0xfffffe, "lua", skynet.pack(1))
	end },
	{ "addresses are numbers, :hex and .names", function()
		local s = callee()
		equal(skynet.call(skynet.address(s), "lua", "echo", 1), 1)
		equal(skynet.call((":%X"):format(s), "lua", "echo", 2), 2)
		raises("call to invalid address .nobody", skynet.call, ".nobody", "lua", "echo")
		raises("must be a string or number", skynet.call, nil, "lua", "echo")
		raises("must be a string or number", skynet.call, {}, "lua", "echo")
		raises("Invalid service address 0", skynet.call, 0, "lua", "echo")
	end },
	{ "the error's text reaches the caller, whatever was raised", function()
		local s = callee()
		raises("a reason", skynet.call, s, "lua", "raise", "a reason")
		raises("call failed", skynet.call, s, "lua", "raise", { 1 })
		raises("call failed", skynet.call, s, "lua", "raise")
		raises("call failed", skynet.call, s, "lua", "no_such_command")
	end },
	{ "an answer that is not in the protocol fails the caller only", function()
		local s = callee()
		raises("Invalid serialize stream", skynet.call, s, "lua", "eval", [[
			require "skynet".ret "\x07" return]])
		equal(skynet.call(s, "lua", "echo", 1), 1)
	end },
	{ "a request that cannot be unpacked fails", function()
		local s = callee()
		raises("call failed", skynet.rawcall, s, "lua", "\x07garbage")
		equal(skynet.call(s, "lua", "echo", 1), 1)
	end },
	{ "a callee that stalls in coroutine.yield fails the call", function()
		raises("call failed", skynet.call, callee(), "lua", "raw_yield")
	end },
	{ "a hundred calls at once each get their own answer", function()
		local s, left, me = callee(), 100, coroutine.running()
		for i = 1, 100 do
			skynet.fork(function()
				equal(skynet.call(s, "lua", "slow", i % 5), i % 5)
				equal(skynet.call(s, "lua", "echo", i), i)
				left = left - 1
				if left == 0 then skynet.wakeup(me) end
			end)
		end
		equal(skynet.sleep(500), "BREAK")
	end },
	{ "calls in a chain fail to the first caller", function()
		local a, b = callee(), callee()
		local ok, why = skynet.call(a, "lua", "call", b, "lua", "raise", "deep down")
		equal(ok, false)
		assert(why:find "deep down")
		skynet.fork(function() skynet.sleep(2) skynet.kill(b) end)
		ok, why = skynet.call(a, "lua", "call", b, "lua", "hang")
		equal(ok, false)
		assert(why:find "killed", why)
	end },
	{ "calltimeout: in time, too late, already answered, of a dead one", function()
		local s = callee()
		equal(skynet.calltimeout(100, s, "lua", "slow", 2), 2)
		local t0 = skynet.hpc()
		raises("call failed: timeout", skynet.calltimeout, 3, s, "lua", "hang")
		assert(skynet.hpc() - t0 >= 30e6)
		raises("call failed: timeout", skynet.calltimeout, 0, s, "lua", "slow", 20)
		raises("call to invalid address", skynet.calltimeout, 3, 0xfffffe, "lua", "x")
		raises("call failed", skynet.calltimeout, 100, s, "lua", "raise", "x")
		skynet.sleep(25) -- the late answer finds nobody
		equal(skynet.call(s, "lua", "echo", "well"), "well")
	end },
	{ "a thousand calls with a deadline leave nothing waiting", function()
		local s, before = callee(), skynet.task()
		for i = 1, 1000 do equal(skynet.calltimeout(6000, s, "lua", "echo", i), i) end
		equal(skynet.task(), before)
	end },
	{ "term fails pending calls to an address", function()
		local s = callee()
		skynet.timeout(2, function() skynet.term(s) end)
		raises("call failed", skynet.call, s, "lua", "hang")
		equal(skynet.call(s, "lua", "echo", 1), 1)
	end },
	{ "term by the name that was called", function()
		local s = callee()
		skynet.name(".termed", s)
		skynet.timeout(2, function() skynet.term ".termed" end)
		raises("call failed", skynet.calltimeout, 200, ".termed", "lua", "hang")
		raises("call failed: timeout", skynet.calltimeout, 2, ".termed", "lua", "hang")
	end },
	{ "a dead callee fails calls by its name, too", function()
		local s = callee()
		skynet.name(".doomed", s)
		skynet.timeout(2, function() skynet.kill(s) end)
		local why = raises("call failed", skynet.calltimeout, 300, ".doomed", "lua", "hang")
		assert(not why:find "timeout", why)
	end },
	{ "request: answers, failures and addresses of nobody", function()
		local a, b = callee(), callee()
		local r = skynet.request { a, "lua", "echo", 1, nil, n = 5 } { b, "lua", "raise",
			"x" }
		r:add { 0xfffffe, "lua", "x" }
		r { ".nobody", "lua", "y" }
		local order, seen = {}, {}
		for req, resp in r:select() do
			order[#order + 1] = req[1]
			seen[req[1]] = resp == nil and "nobody" or resp
		end
		equal(order[1], ".nobody")
		equal(order[2], 0xfffffe)
		equal(#order, 4)
		equal(seen[a].n, 2)
		equal(seen[a][1], 1)
		equal(seen[b], false)
		equal(seen[".nobody"], "nobody")
		assert(not r.timeout)
		assert(not pcall(r.select, r))
	end },
	{ "request: a callee that itself finds nobody has failed", function()
		local a, n = callee(), 0
		local r = skynet.request { a, "lua", "raise", "call to invalid address :1" }
		for _, resp in r { a, "lua", "eval", "require 'skynet'.call(0xfffffe, 'lua')" }
			:select(1000) do
			equal(resp, false)
			n = n + 1
		end
		equal(n, 2)
		assert(not r.timeout)
	end },
	{ "request with a time limit, and abandoned", function()
		local a, n = callee(), 0
		local r = skynet.request { a, "lua", "echo", 1 } { a, "lua", "hang" }
		for _ in r:select(3) do n = n + 1 end
		equal(n, 1)
		equal(r.timeout, true)
		local before = skynet.task()
		for _ in skynet.request { a, "lua", "echo" } { a, "lua",
			"hang" }:select() do break end
		equal(skynet.task(), before)
	end },
}
