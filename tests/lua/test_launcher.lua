-- SPDX-License-Identifier: MIT
-- .launcher, row by row.
local skynet = require "skynet"
require "skynet.manager"
local core = require "skynet.core"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local function ask(...) return skynet.call(".launcher", "lua", ...) end

skynet.register_protocol {
	name = "text", id = skynet.PTYPE_TEXT, pack = function(text) return text end,
		unpack = skynet.tostring,
}

-- LAUNCH of slow_start in a task of its own: { session =, handle =, result = {pcall's} }.
local function begin(...)
	local r = {}
	local thread = skynet.fork(function(...)
		r.result = table.pack(pcall(ask, "LAUNCH", "snlua", "slow_start", ...))
	end, ...)
	skynet.sleep(0)
	r.session = skynet.task(thread)
	r.handle = tap.until_true("its handle", function() return ask("QUERY", r.session) end)
	return r
end

local function finish(r)
	return tap.until_true("the answer", function() return r.result end)
end

tap.run {
	{ "LAUNCH answers the handle when the start function has returned", function()
		local r = begin()
		equal(r.result, nil)
		skynet.send(r.handle, "text", "go")
		finish(r)
		equal(r.result[1], true)
		equal(r.result[2], r.handle)
		equal(skynet.call(r.handle, "lua", 7), 7)
	end },
	{ "commands may be written in any case", function()
		equal(type(ask "list"), "table")
		equal(type(ask "List"), "table")
		local s = ask("launch", "snlua", "callee")
		equal(skynet.call(s, "lua", "echo", 1), 1)
	end },
	{ "LAUNCH that fails raises, that exits gives nil, that is killed raises", function()
		local r = begin "fail"
		skynet.send(r.handle, "text", "go")
		equal(finish(r)[1], false)
		assert(tostring(r.result[2]):find("failed in start", 1, true))
		r = begin "exit"
		skynet.send(r.handle, "text", "go")
		finish(r)
		equal(r.result[1], true)
		equal(r.result[2], nil)
		r = begin()
		skynet.kill(r.handle)
		equal(finish(r)[1], false)
		raises("launch no_such_module failed", ask, "LAUNCH", "no_such_module")
	end },
	{ "QUERY knows the handle while it starts, not afterwards", function()
		local r = begin()
		equal(ask("QUERY", r.session), r.handle)
		equal(ask("QUERY", r.session + 100000), nil)
		skynet.send(r.handle, "text", "go")
		finish(r)
		equal(ask("QUERY", r.session), nil)
	end },
	{ "the text protocol of services without Lua: empty and ERROR", function()
		local r = begin()
		skynet.redirect(".launcher", r.handle, "text", 0, "")
		equal(finish(r)[2], r.handle)
		r = begin()
		skynet.redirect(".launcher", r.handle, "text", 0, "ERROR")
		finish(r)
		equal(r.result[1], false)
		equal(ask "LIST"[skynet.address(r.handle)], nil)
		skynet.kill(r.handle)
	end },
	{ "LIST tells module and arguments of each", function()
		local s = skynet.newservice("callee", "one", 2)
		equal(ask "LIST"[skynet.address(s)], "snlua callee one 2")
		skynet.kill(s)
		equal(ask "LIST"[skynet.address(s)], nil)
		equal(ask "LIST"[skynet.address(skynet.localname ".launcher")], nil)
	end },
	{ "KILL gives the description, nil in words for one that it does not know", function()
		local s = skynet.newservice("callee", "x")
		local key = skynet.address(s)
		equal(ask("KILL", s)[key], "snlua callee x")
		raises("call to invalid address", skynet.call, s, "lua", "echo")
		equal(ask("KILL", s)[key], "nil")
	end },
	{ "REMOVE forgets and does not answer", function()
		local s = skynet.newservice "callee"
		skynet.send(".launcher", "lua", "REMOVE", s, false)
		tap.until_true("it", function() return ask "LIST"[skynet.address(s)] == nil end)
		equal(skynet.call(s, "lua", "echo", 1), 1)
		skynet.kill(s)
	end },
	{ "STAT asks everybody; TIMEOUT and ERROR for who does not answer", function()
		local s, hung, odd = skynet.newservice "callee", skynet.newservice "callee",
			skynet.newservice "callee"
		skynet.call(odd, "lua", "eval",
			"require 'skynet'.dispatch('debug', function() error 'odd' end)")
		skynet.send(hung, "lua", "eval",
			"local s = require 'skynet' local t = s.hpc() + 15e8 "
			.. "while s.hpc() < t do end")
		local list = ask("STAT", 70)
		local stat = list[skynet.address(s)]
		equal(stat.task, 0)
		equal(stat.mqlen, 0)
		assert(stat.message >= 1)
		equal(math.type(stat.cpu), "float")
		equal(list[skynet.address(hung)], "TIMEOUT")
		equal(list[skynet.address(odd)], "ERROR")
		local text = ask("MEM", 1)[skynet.address(hung)]
		equal(text, "TIMEOUT (snlua callee)")
		equal(ask("MEM", 100)[skynet.address(odd)], "ERROR (snlua callee)")
		-- without a limit it waits for the busy one
		assert(type(ask "STAT"[skynet.address(hung)]) == "table")
		for _, x in ipairs { s, hung, odd } do skynet.kill(x) end
	end },
	{ "MEM tells kilobytes; GC collects first", function()
		local s = skynet.newservice "callee"
		skynet.call(s, "lua", "eval",
			"for i = 1, 20 do garbage = ('x'):rep(1 << 16) .. i end garbage = nil")
		local key = skynet.address(s)
		local before = ask("MEM", 300)[key]
		assert(before:find "^%d+%.%d%d Kb %(snlua callee%)$", before)
		local from = #tap.log()
		local after = ask("GC", 300)[key]
		assert(tonumber(after:match "^[%d.]+") < 60, after)
		tap.logged(("[%s] GC "):format(key), from)
		skynet.kill(s)
	end },
	{ "LOGLAUNCH launches and asks for the log of its messages", function()
		local s = ask("LOGLAUNCH", "snlua", "callee", "logged")
		equal(skynet.call(s, "lua", "args"), "logged")
		equal(ask "LIST"[skynet.address(s)], "snlua callee logged")
		core.command("LOGOFF", skynet.address(s))
		raises("", ask, "LOGLAUNCH", "snlua", "no_such_service")
	end },
	{ "an unknown command is told so", function()
		equal(ask "NOSUCH"[1], "Unknown command")
		equal(ask(5)[1], "Unknown command")
	end },
}
