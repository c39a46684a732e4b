-- SPDX-License-Identifier: MIT
-- Sends, redirects, addresses and facts.
local skynet = require "skynet"
local core = require "skynet.core"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

tap.run {
	{ "send tells 0 for a living receiver and nothing for a dead one", function()
		local s = skynet.newservice "callee"
		equal(skynet.send(s, "lua", "forget"), 0)
		equal(skynet.send(s, skynet.PTYPE_LUA, "forget"), 0)
		equal(skynet.rawsend(s, "lua", skynet.pack "forget"), 0)
		skynet.kill(s)
		equal(select("#", skynet.send(s, "lua", "forget")), 0)
		equal(select("#", skynet.send(".nobody", "lua", "x")), 0)
		equal(skynet.send("NOBODY_KNOWS", "lua", "x"), 0)
		raises("Invalid service address 0", skynet.rawsend, 0, "lua", "x")
	end },
	{ "what cannot be packed is not sent", function()
		local s = skynet.newservice "callee"
		raises("Unsupport type function to serialize", skynet.send, s, "lua", "echo", print)
		raises("Unsupport type thread to serialize", skynet.call, s, "lua",
			coroutine.running())
		equal(skynet.call(s, "lua", "echo", 1), 1)
	end },
	{ "redirect speaks for somebody else", function()
		local a, got = skynet.newservice "callee", nil
		skynet.dispatch("lua", function(_, source, what) got = { source, what } end)
		skynet.redirect(skynet.self(), a, "lua", 0, skynet.pack "hello")
		tap.until_true("the message", function() return got end)
		equal(got[1], a)
		equal(got[2], "hello")
	end },
	{ "a request passed on by redirect is answered by its new owner", function()
		local b = skynet.newservice "callee"
		skynet.dispatch("lua", function(session, source, ...)
			skynet.redirect(b, source, "lua", session, skynet.pack(...))
		end)
		equal(skynet.call(skynet.self(), "lua", "echo", "from b"), "from b")
	end },
	{ "messages between two keep their order in both directions", function()
		local seen, n = {}, 2000
		skynet.dispatch("lua", function(_, _, i) seen[#seen + 1] = i end)
		local s = skynet.newservice "callee"
		skynet.send(s, "lua", "eval", ([[
			local skynet = require "skynet"
			for i = 1, %d do skynet.send(%d, "lua", i) end]]):format(n, skynet.self()))
		tap.until_true("all of them", function() return #seen == n end)
		for i = 1, n do equal(seen[i], i) end
	end },
	{ "a large message arrives whole", function()
		local s, text = skynet.newservice "callee", ("0123456789abcdef"):rep(1 << 20)
		local back = skynet.call(s, "lua", "echo", text)
		assert(back == text)
	end },
	{ "a request that is handed on to nobody fails", function()
		local a, dead = skynet.newservice "callee", skynet.newservice "callee"
		skynet.kill(dead)
		raises("the callee did not answer", skynet.calltimeout, 500, a, "lua", "pass", dead,
			"echo")
		raises("the callee did not answer", skynet.calltimeout, 500, a, "lua", "pass",
			".nobody", "echo")
		tap.logged "Maybe forgot response session"
		skynet.kill(a)
	end },
	{ "a request in the name of another that finds nobody fails there", function()
		local a, dead = skynet.newservice "callee", skynet.newservice "callee"
		local failed
		skynet.kill(dead)
		skynet.fork(function()
			failed = not pcall(skynet.calltimeout, 500, a, "lua", "hang")
		end)
		skynet.sleep(0)
		-- the session of that call is the last one that was given out here; its answer is
		-- the error
		skynet.call(a, "lua", "eval", [[
			local skynet, core, to, source, session = require "skynet",
				require "skynet.core", ...
			core.redirect(to, source, skynet.PTYPE_LUA, session, skynet.packstring())
		]], dead, skynet.self(), skynet.genid() - 1)
		tap.until_true("the call has failed", function() return failed end)
		skynet.kill(a)
	end },
	{ "a callback or filter that raises fails the request", function()
		for _, how in ipairs { "raw", "filter" } do
			local a = skynet.newservice "callee"
			assert(skynet.call(a, "lua", how))
			raises(how .. " error", skynet.calltimeout, 500, a, "lua", "echo", 1)
			tap.logged(how .. " error")
			skynet.kill(a)
		end
	end },
	{ "addresses and facts", function()
		equal(skynet.address(0x1f), ":0000001f")
		equal(skynet.address ".x", ".x")
		equal(skynet.localname ".nobody", nil)
		local id, remote = skynet.harbor(skynet.self())
		equal(id, skynet.self() >> 24)
		equal(remote, false)
		equal(select(2, skynet.harbor(0x7f000001)), true)
		assert(math.type(skynet.now()) == "integer"
			and math.type(skynet.hpc()) == "integer")
		assert(math.abs(skynet.time() - os.time()) < 3)
		assert(math.abs(skynet.starttime() - os.time()) < 100)
		equal(skynet.mqlen(), 0)
		equal(skynet.stat "mqlen", 0)
		assert(skynet.stat "message" > 0)
		equal(skynet.stat "nonsense", 0)
		equal(skynet.endless(), false)
		local a, b = skynet.genid(), skynet.genid()
		assert(a > 0 and b > 0 and a ~= b)
		equal(skynet.PTYPE_TEXT + skynet.PTYPE_SNAX, 11)
		equal(skynet.pcall, pcall)
		equal(skynet._proto.lua.id, skynet.PTYPE_LUA)
		equal(skynet._proto[10].name, "lua")
		equal(type(skynet.cache.clear), "function")
		equal(skynet.no_such_field, nil)
	end },
	{ "values as strings and pointers", function()
		equal(table.concat({ skynet.unpack(skynet.packstring(1, "b")) }, ","), "1,b")
		local p, n = skynet.pack(1, 2)
		equal(select("#", skynet.unpack(p, n)), 2)
		equal(skynet.tostring(p, n), skynet.packstring(1, 2))
		skynet.trash(p, n)
		skynet.trash "a string"
		raises("skynet.trash invalid param table", skynet.trash, {})
		local null, none = skynet.pack()
		equal(none, 0)
		equal(select("#", skynet.unpack()), 0)
		equal(select("#", skynet.unpack ""), 0)
		equal(select("#", skynet.tostring()), 0)
		raises("deserialize null pointer", skynet.unpack, null, 1)
	end },
	{ "env", function()
		skynet.setenv("number", 12)
		equal(skynet.getenv "number", "12")
		skynet.setenv("empty", "")
		equal(skynet.getenv "empty", "")
		raises("Can't setenv exist key : number", skynet.setenv, "number", 13)
		raises("space", skynet.setenv, "a b", 1)
		equal(core.command("GETENV", "number"), "12")
	end },
	{ "error writes one line of all its arguments", function()
		skynet.error("one", 2, nil, true,
			setmetatable({}, { __tostring = function() return "four" end }))
		tap.logged "one 2 nil true four"
		skynet.error("two\nlines")
		tap.logged "two"
		skynet.error()
		tap.logged "] nil\n"
	end },
}
