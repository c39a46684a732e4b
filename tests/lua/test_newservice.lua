-- SPDX-License-Identifier: MIT
-- Births: newservice, launch, init, arguments.
local skynet = require "skynet"
require "skynet.manager"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

tap.run {
	{ "arguments arrive as words", function()
		local s = skynet.newservice("callee", "a", 12, "two words", 1.5)
		equal(table.concat({ skynet.call(s, "lua", "args") }, "|"), "a|12|two|words|1.5")
		s = skynet.newservice("callee", "before\nafter")
		equal(table.concat({ skynet.call(s, "lua", "args") }, "|"), "before")
	end },
	{ "newservice waits for the start function", function()
		local t0 = skynet.hpc()
		skynet.newservice("birth", "slow")
		assert(skynet.hpc() - t0 >= 30e6)
	end },
	{ "newservice raises, and says why", function()
		raises("bad main chunk", skynet.newservice, "birth", "bad")
		raises("bad start", skynet.newservice, "birth", "badstart")
		raises("bad later", skynet.newservice, "birth", "badlater")
		raises("bad init", skynet.newservice, "birth", "badinit")
		raises("call failed", skynet.newservice, "birth", "badtable")
		raises("no_such_service", skynet.newservice, "no_such_service")
		raises("skynet.start", skynet.newservice, "birth", "nostart")
	end },
	{ "a service that exits while it starts is no error and no handle", function()
		equal(skynet.newservice("birth", "exits"), nil)
	end },
	{ "a service that is killed while it starts fails its newservice", function()
		local ok, why
		skynet.fork(function() ok, why = pcall(skynet.newservice, "birth", "hangs") end)
		local handle = tap.until_true("the birth", function()
			for key, text in pairs(skynet.call(".launcher", "lua", "LIST")) do
				if text == "snlua birth hangs" then return tonumber(key:sub(2),
					16) end
			end
		end)
		skynet.kill(handle)
		tap.until_true("the failure", function() return ok ~= nil end)
		equal(ok, false)
		assert(why:find "call failed", why)
	end },
	{ "the failed and the ended are off the launcher's list", function()
		local s = skynet.newservice "callee"
		skynet.name(".listed", s)
		pcall(skynet.newservice, "birth", "badstart")
		skynet.kill ".listed"
		for key, text in pairs(skynet.call(".launcher", "lua", "LIST")) do
			assert(not text:find "^snlua birth bad", text)
			assert(key ~= skynet.address(s))
		end
	end },
	{ "init functions run in order before start, and may wait", function()
		equal(skynet.call(skynet.newservice("birth", "inits"), "lua"), "a,b,start")
		raises("", skynet.init, 5)
	end },
	{ "launch gives the handle at once; nil for nothing to launch", function()
		local s = skynet.launch("snlua", "callee", "x")
		assert(s > 0)
		tap.until_true("the start",
			function() return pcall(skynet.call, s, "lua", "echo") end)
		equal(skynet.call(s, "lua", "args"), "x")
		equal(skynet.launch "no_such_module", nil)
	end },
	{ "the main chunk can send already", function()
		local got
		skynet.dispatch("lua", function(_, source, what) got = { source, what } end)
		local s = skynet.newservice("birth", "early", skynet.self())
		equal(got[1], s)
		equal(got[2], "main chunk")
		equal(skynet.call(s, "lua"), "served")
	end },
	{ "globals of a service are its own", function()
		local a, b = skynet.newservice "callee", skynet.newservice "callee"
		skynet.call(a, "lua", "eval", "shared = 1")
		equal(skynet.call(b, "lua", "eval", "return shared"), nil)
		equal(skynet.call(a, "lua", "eval", "return SERVICE_NAME"), "callee")
		equal(skynet.call(a, "lua", "eval", "return SERVICE_PATH"), SERVICE_PATH)
	end },
}
