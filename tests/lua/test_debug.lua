-- SPDX-License-Identifier: MIT
-- The debug protocol and code injected into a living service.
local skynet = require "skynet"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local mode = ...
if mode == "patient" then
	local stock = { apples = 3 }
	local function count(name) return stock[name] end
	local command = {}
	function command.get(name) skynet.retpack(count(name)) end
	skynet.start(function()
		skynet.dispatch("lua", function(_, _, name, ...) command[name](...) end)
		require "skynet.debug".reg_debugcmd("TWICE", function(x) skynet.retpack(2 * x) end)
	end)
	return
end

local function ask(s, ...) return skynet.call(s, "debug", ...) end

tap.run {
	{ "MEM, STAT, PING, SUPPORT", function()
		local s = skynet.newservice "callee"
		assert(ask(s, "MEM") > 1)
		skynet.send(s, "lua", "hang")
		local stat = ask(s, "STAT")
		equal(stat.mqlen, 0)
		equal(stat.task, 1)
		assert(stat.message >= 3 and stat.cpu >= 0)
		equal(select("#", ask(s, "PING")), 0)
		equal(ask(s, "SUPPORT", "lua"), true)
		equal(ask(s, "SUPPORT", "text"), false)
	end },
	{ "GC collects, logs and does not answer", function()
		local s, from = skynet.newservice "callee", #tap.log()
		raises("call failed: timeout", skynet.calltimeout, 10, s, "debug", "GC")
		tap.logged(" Kb, cost ", from)
		assert(not tap.log():find("forgot", from + 1, true))
	end },
	{ "TASK, UNIQTASK, KILLTASK", function()
		local s = skynet.newservice "callee"
		for _ = 1, 3 do skynet.send(s, "lua", "hang") end
		skynet.send(s, "lua", "slow", 1000)
		local n = 0
		for key, trace in pairs(ask(s, "TASK")) do
			assert(key:find "session: %d" and trace:find "traceback")
			n = n + 1
			local session = tonumber(key:match "session: (%d+)")
			if session > 0 then assert(ask(s, "TASK", session):find "callee.lua") end
		end
		equal(n, 4)
		n = 0
		for key in pairs(ask(s, "UNIQTASK")) do n = n + (tonumber(key:match "^(%d+)")) end
		equal(n, 4)
		equal(select("#", ask(s, "KILLTASK", "thread")), 0)
		equal(ask(s, "STAT").task, 3)
		local from = #tap.log()
		equal(ask(s, "KILLTASK", "nothing like this"), "Not found")
		tap.logged("Kill thread: nothing like this Not found", from)
		ask(s, "KILLTASK", "thread")
		tap.logged("Kill thread: thread: 0x", from)
		equal(ask(s, "STAT").task, 2)
		equal(ask(s, "TASK", 123456), "No session")
		equal(ask(s, "TASK", "init"), nil)
	end },
	{ "INFO is what info_func says, or nil", function()
		equal(select(2, ask(skynet.newservice "callee", "INFO", "x")), "x")
		equal(ask(skynet.newservice(SERVICE_NAME, "patient"), "INFO"), nil)
	end },
	{ "EXIT ends the service", function()
		local s = skynet.newservice "callee"
		raises("call failed", ask, s, "EXIT")
		raises("call to invalid address", ask, s, "PING")
	end },
	{ "LINK fails when the service ends", function()
		local s, ended = skynet.newservice "callee", nil
		skynet.fork(function() ended = not pcall(ask, s, "LINK") end)
		skynet.sleep(2)
		equal(ended, nil)
		skynet.kill(s)
		tap.until_true("the end", function() return ended ~= nil end)
		equal(ended, true)
	end },
	{ "TERM fails what the service waits for", function()
		local a, b, got = skynet.newservice "callee", skynet.newservice "callee", nil
		skynet.fork(function() got = skynet.call(a, "lua", "call", b, "lua", "hang") end)
		skynet.sleep(2)
		skynet.send(a, "debug", "TERM", b)
		tap.until_true("the failure", function() return got ~= nil end)
		equal(got, false)
	end },
	{ "TRACELOG answers and logs", function()
		local s, from = skynet.newservice "callee", #tap.log()
		ask(s, "TRACELOG", true)
		tap.logged("Turn trace log true for lua", from)
		ask(s, "TRACELOG", "debug", false)
		tap.logged("Turn trace log false for debug", from)
		ask(s, "TRACELOG", "debug")
		tap.logged("Turn trace log nil for debug", from)
		ask(s, "TRACELOG", "lua", nil)
		tap.logged("Turn trace log nil for lua", from)
	end },
	{ "own commands; unknown ones fail", function()
		local s = skynet.newservice(SERVICE_NAME, "patient")
		equal(ask(s, "TWICE", 4), 8)
		raises("no debug command NOSUCH", ask, s, "NOSUCH")
	end },
	{ "RUN prints, takes arguments, reaches what handlers hold", function()
		local s = skynet.newservice(SERVICE_NAME, "patient")
		local ok, text = ask(s, "RUN", [[
			print("args", ...)
			local command = _P.lua.command
			local old = command.get
			function command.get(...)
				if ... == "pears" then require "skynet".retpack(9) else old(...) end
			end
			print(type(_U), SERVICE_NAME, math.max(1, 2))]], "fix.lua", 1, "two")
		equal(text, "args\t1\ttwo\ntable\ttest_debug\t2")
		equal(ok, true)
		equal(skynet.call(s, "lua", "get", "apples"), 3)
		equal(skynet.call(s, "lua", "get", "pears"), 9)
	end },
	{ "RUN: _U has the tables of all protocols, by name", function()
		local s = skynet.newservice(SERVICE_NAME, "patient")
		local ok, text = ask(s, "RUN",
			"print(type(_U.command.get), _U.command == _P.lua.command, _P.nosuch)", "u")
		equal(text, "function\ttrue\tnil")
		equal(ok, true)
	end },
	{ "RUN tells what is wrong, and may wait", function()
		local s = skynet.newservice(SERVICE_NAME, "patient")
		local ok, text = ask(s, "RUN", "this is no Lua", "bad.lua")
		equal(ok, false)
		assert(text:find "^bad.lua:1:", text)
		ok, text = ask(s, "RUN", "print 'before' error 'broken'", "bad.lua")
		equal(ok, false)
		assert(text:find "^before\nbad.lua:1: broken", text)
		ok, text = ask(s, "RUN", "require 'skynet'.sleep(1) print 'slept'", "ok.lua")
		equal(ok, true)
		equal(text, "slept")
		ask(s, "RUN", "leaked = 1", "global.lua")
		equal(select(2, ask(s, "RUN", "print(leaked)", "global.lua")), "nil")
	end },
	{ "the launcher lists, asks everybody, kills", function()
		local s = skynet.newservice "callee"
		local hung = skynet.newservice "callee"
		skynet.send(hung, "lua", "eval",
			"local t = require 'skynet'.hpc() + 4e8 "
			.. "while require 'skynet'.hpc() < t do end")
		local key = skynet.address(s)
		equal(skynet.call(".launcher", "lua", "LIST")[key], "snlua callee")
		local mem = skynet.call(".launcher", "lua", "mem", 10)
		assert(mem[key]:find "^[%d.]+ Kb %(snlua callee%)$", mem[key])
		assert(mem[skynet.address(hung)]:find "^TIMEOUT", mem[skynet.address(hung)])
		equal(skynet.call(".launcher", "lua", "STAT", 200)[key].mqlen, 0)
		equal(skynet.call(".launcher", "lua", "KILL", s)[key], "snlua callee")
		equal(skynet.call(".launcher", "lua", "LIST")[key], nil)
		equal(skynet.call(".launcher", "lua", "NOSUCH")[1], "Unknown command")
	end },
}
