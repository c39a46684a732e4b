-- SPDX-License-Identifier: MIT
-- Whatever goes wrong in a handler: who hears of it, what is logged, what goes on.
local skynet = require "skynet"
local core = require "skynet.core"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

tap.run {
	{ "an error in a handler is logged with source, session and traceback", function()
		local s, from = skynet.newservice "callee", #tap.log()
		pcall(skynet.call, s, "lua", "raise", "logged reason")
		tap.logged(("lua call [%x to :%x : "):format(skynet.self(), s), from)
		tap.logged("error : \27[31m", from)
		local at = tap.logged("logged reason", from)
		tap.logged("stack traceback:", at)
	end },
	{ "an error after the answer is only logged", function()
		local s, from = skynet.newservice "callee", #tap.log()
		equal(skynet.call(s, "lua", "eval", [[
			local skynet = require "skynet"
			skynet.fork(function() error "after all" end)
			return "answered"]]), "answered")
		tap.logged("after all", from)
		equal(skynet.call(s, "lua", "echo", 1), 1)
	end },
	{ "an error in a send is only logged", function()
		local s, from = skynet.newservice "callee", #tap.log()
		skynet.send(s, "lua", "raise", "nobody waits")
		tap.logged("nobody waits", from)
		equal(skynet.call(s, "lua", "echo", 1), 1)
	end },
	{ "an error in a finalizer is logged, and what Lua is warned of", function()
		local s, from = skynet.newservice "callee", #tap.log()
		skynet.call(s, "lua", "eval", [[
			setmetatable({}, { __gc = function() error "in a finalizer" end })
			collectgarbage()
			warn("first ", "second ", ("x"):rep(2000))
			warn "@on"]])
		local at = tap.logged("in a finalizer", from)
		tap.logged("first second xxx", at)
		equal(tap.log():find("@on", from + 1, true), nil)
		equal(skynet.call(s, "lua", "echo", 1), 1)
	end },
	{ "to-be-closed variables of a failed handler are closed", function()
		local closed
		skynet.dispatch("lua", function()
			local guard <close> = setmetatable({},
				{ __close = function() closed = true end })
			skynet.yield()
			error "fails"
		end)
		raises("call failed", skynet.call, skynet.self(), "lua")
		equal(closed, true)
	end },
	{ "errors that are not strings, or cannot be shown", function()
		local s = skynet.newservice "callee"
		raises("shown", skynet.call, s, "lua", "eval",
			"error(setmetatable({}, { __tostring = function() return 'shown' end }))")
		raises("call failed", skynet.call, s, "lua", "eval",
			"error(setmetatable({}, { __tostring = function() error 'no' end }))")
		raises("call failed", skynet.call, s, "lua", "eval", "error(nil)")
		raises("call failed", skynet.call, s, "lua", "eval",
			"local function f() return f() + 1 end f()")
		equal(skynet.call(s, "lua", "echo", 1), 1)
	end },
	{ "a send of an unknown type is logged", function()
		local s, from = skynet.newservice "callee", #tap.log()
		skynet.register_protocol { name = "odd", id = 77,
			pack = function(text) return text end }
		skynet.send(s, "odd", "some text")
		tap.logged("Unknown request (77): some text", from)
		raises("call failed", skynet.call, s, "odd", "x")
	end },
	{ "dispatch_unknown_request and _response replace the logging", function()
		local got = {}
		local old = skynet.dispatch_unknown_request(function(session, source, msg, size,
			protocol)
			got.request = { session, source, skynet.tostring(msg, size), protocol }
		end)
		core.send(skynet.self(), 78, 0, "unknown")
		tap.until_true("the request", function() return got.request end)
		equal(got.request[3], "unknown")
		equal(got.request[4], 78)
		equal(got.request[2], skynet.self())
		if old then skynet.dispatch_unknown_request(old) end
		skynet.dispatch_unknown_response(function(session, source, msg, size)
			got.response = { session, source, skynet.tostring(msg, size) }
		end)
		core.send(skynet.self(), skynet.PTYPE_RESPONSE, 123456, "late")
		tap.until_true("the response", function() return got.response end)
		equal(got.response[1], 123456)
		equal(got.response[3], "late")
	end },
	{ "coroutine.yield with a value in a task is logged", function()
		local from = #tap.log()
		skynet.fork(function() coroutine.yield "stray" end)
		skynet.yield()
		tap.logged("Unknown command : stray", from)
	end },
	{ "coroutines of Lua itself work in a task", function()
		local gen = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
		equal(gen() + gen() + gen(), 6)
	end },
	{ "skynet.core: commands and raw sends", function()
		equal(core.command("QUERY", ".launcher"),
			(":%x"):format(skynet.localname ".launcher"))
		equal(core.addresscommand "REG", skynet.self())
		equal(core.intcommand("STAT", "mqlen"), 0)
		equal(core.command "NOSUCH", nil)
		local got
		skynet.dispatch("lua", function(_, _, x) got = x end)
		equal(core.send(skynet.self(), skynet.PTYPE_LUA, 0, skynet.pack "raw"), 0)
		tap.until_true("the message", function() return got end)
		equal(got, "raw")
		raises("invalid param", core.send, skynet.self(), skynet.PTYPE_LUA, 0, {})
	end },
}
