-- SPDX-License-Identifier: MIT
-- Answers: ret, retpack, response, ignoreret, context.
local skynet = require "skynet"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local handler
skynet.dispatch("lua", function(...) return handler(...) end)

-- Calls ourselves with f as handler; also gives what f returned.
local function serve(f, ...)
	local result
	handler = function(...) result = table.pack(f(...)) end
	local answer = table.pack(pcall(skynet.call, skynet.self(), "lua", ...))
	return result or {}, answer
end

tap.run {
	{ "ret is true once, then raises", function()
		local r, answer = serve(function()
			local first = skynet.ret(skynet.pack "a")
			local ok, why = pcall(skynet.ret, skynet.pack "b")
			return first, ok, why
		end)
		equal(r[1], true)
		equal(r[2], false)
		assert(tostring(r[3]):find "No session")
		equal(answer[2], "a")
	end },
	{ "ret of a send is false", function()
		local result
		handler = function() result = skynet.retpack(1) end
		skynet.send(skynet.self(), "lua")
		tap.until_true("the handler", function() return result ~= nil end)
		equal(result, false)
	end },
	{ "a response that nobody keeps is found, also in a service that rests", function()
		local s = skynet.newservice "callee"
		tap.raises("the callee dropped the request", skynet.calltimeout, 1500, s, "lua",
			"lose")
		-- and one that is kept is not
		local kept
		skynet.fork(function() kept = skynet.call(s, "lua", "keep") end)
		tap.raises("the callee dropped the request", skynet.calltimeout, 1500, s, "lua",
			"lose")
		skynet.call(s, "lua", "settle", true, "kept")
		tap.until_true("the answer", function() return kept end)
		equal(kept, "kept")
		skynet.kill(s)
	end },
	{ "ret to a caller that is gone is false", function()
		local s, result = skynet.newservice "callee", nil
		handler = function()
			skynet.kill(s)
			result = skynet.retpack(1)
		end
		skynet.send(s, "lua", "call", skynet.self(), "lua")
		tap.until_true("the handler", function() return result ~= nil end)
		equal(result, false)
	end },
	{ "ret outside a request raises, also in a fork of one", function()
		raises("No session", skynet.retpack, 1)
		local why
		serve(function()
			skynet.fork(function() why = select(2, pcall(skynet.retpack, 1)) end)
			skynet.sleep(1)
			skynet.retpack(1)
		end)
		assert(tostring(why):find "No session", why)
	end },
	{ "ret works from a plain coroutine inside the handler", function()
		local _, answer = serve(function()
			coroutine.wrap(function() skynet.retpack "inner" end)()
		end)
		equal(answer[2], "inner")
	end },
	{ "context: session and source, then only the source", function()
		local r = serve(function(session, source)
			local s1, a1 = skynet.context()
			skynet.retpack()
			local s2, a2 = skynet.context()
			return session, source, s1, a1, s2, a2
		end)
		equal(r[3], r[1])
		equal(r[4], skynet.self())
		equal(r[5], nil)
		equal(r[6], skynet.self())
		equal((skynet.context()), nil)
	end },
	{ "response answers from another task, once", function()
		local again
		local _, answer = serve(function()
			local r = skynet.response()
			skynet.fork(function()
				skynet.sleep(1)
				equal(r "TEST", true)
				equal(r(true, 1, nil, 3), true)
				again = select(2, pcall(r, true))
			end)
		end)
		equal(answer[1], true)
		equal(answer[2], 1)
		equal(answer[4], 3)
		tap.until_true("the second use", function() return again end)
		assert(again:find "Can't response more than once")
	end },
	{ "response with a pack function of its own", function()
		local _, answer = serve(function()
			skynet.response(function(x) return skynet.packstring(x, "packed") end)(true,
				"x")
		end)
		equal(answer[3], "packed")
	end },
	{ "response(false) fails the caller", function()
		local _, answer = serve(function() skynet.response()(false) end)
		equal(answer[1], false)
		assert(answer[2]:find "call failed")
	end },
	{ "response of a send does nothing; without a request it raises", function()
		local result
		handler = function() result = select("#", skynet.response()(true, 1)) end
		skynet.send(skynet.self(), "lua")
		tap.until_true("the handler", function() return result end)
		equal(result, 0)
		raises("no session", skynet.response)
	end },
	{ "response to a caller that died: TEST and the answer are false", function()
		local s, keeper = skynet.newservice "callee", skynet.newservice "callee"
		skynet.send(s, "lua", "call", keeper, "lua", "keep")
		tap.until_true("the request", function()
			return skynet.call(keeper, "debug", "STAT").message > 2
		end)
		equal(skynet.call(keeper, "lua", "settle", "TEST"), true)
		skynet.kill(s)
		tap.until_true("the end", function()
			return skynet.call(keeper, "lua", "settle", "TEST") == false
		end)
		equal(skynet.call(keeper, "lua", "settle", true, 1), false)
	end },
	{ "a response that is never used fails when the service ends", function()
		local s = skynet.newservice "callee"
		skynet.timeout(3, function() skynet.send(s, "lua", "exit") end)
		raises("call failed", skynet.call, s, "lua", "keep")
	end },
	{ "what cannot be packed fails the request", function()
		local _, answer = serve(function() skynet.retpack(print) end)
		equal(answer[1], false)
		assert(answer[2]:find "Unsupport type function", answer[2])
	end },
	{ "ignoreret forgets the request without a word", function()
		local from = #tap.log()
		handler = function() skynet.ignoreret() end
		raises("call failed: timeout", skynet.calltimeout, 3, skynet.self(), "lua")
		assert(not tap.log():find("forgot", from + 1, true))
	end },
	{ "a forgotten answer is logged", function()
		local from = #tap.log()
		serve(function() end)
		tap.logged("Maybe forgot response session", from)
	end },
}
