-- SPDX-License-Identifier: MIT
-- .service, row by row; over several nodes: tests/cluster/unique_services.
local skynet = require "skynet"
require "skynet.manager"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local function ask(...) return skynet.call(".service", "lua", ...) end

skynet.register_protocol {
	name = "text", id = skynet.PTYPE_TEXT, pack = function(text) return text end,
		unpack = skynet.tostring,
}

tap.run {
	{ "replies are a value, or nil and a text", function()
		local s = ask("LAUNCH", "callee", "a")
		equal(ask("QUERY", "callee"), s)
		local handle, why = ask("LAUNCH", "no_such_service")
		equal(handle, nil)
		assert(why:find("no_such_service", 1, true))
		handle, why = ask "NOSUCH"
		equal(handle, nil)
		equal(why, "Invalid command NOSUCH")
	end },
	{ "a name with @ in front is launched without it, and is another key", function()
		local s = ask("LAUNCH", "@callee", "b")
		assert(s ~= ask("QUERY", "callee"))
		equal(skynet.call(s, "lua", "args"), "b")
		equal(ask("GQUERY", "callee"), s)
		equal(ask "LIST"["@callee"], skynet.address(s))
	end },
	{ "of snaxd there is one for each snax service", function()
		local handle = ask("LAUNCH", "snaxd", "no_such_snax")
		equal(handle, nil)
		handle = ask("GLAUNCH", "snaxd", "no_such_snax")
		equal(handle, nil)
		local list = ask "LIST"
		assert(list["snaxd.no_such_snax"]:find "^Error: ")
		assert(list["@snaxd.no_such_snax"]:find "^Error: ")
		equal(list.snaxd, nil)
	end },
	{ "LIST shows who launches and who waits", function()
		local got, queried
		skynet.fork(function() got = skynet.uniqueservice "slow_start" end)
		skynet.fork(function() queried = skynet.queryservice "slow_start" end)
		skynet.fork(function() pcall(skynet.queryservice, "never_launched") end)
		local text = tap.until_true("its line", function()
			local line = ask "LIST".slow_start
			return line and line:find "Init as" and line:find "Querying" and line
		end)
		assert(text:find "Init as :%x+", text)
		assert(text:find("slow_start.lua", 1, true), text)
		assert(text:find("\nLaunching from " .. skynet.address(skynet.self()), 1, true),
			text)
		assert(text:find("\nQuerying: " .. skynet.address(skynet.self()), 1, true), text)
		assert(text:find("test_service_mgr.lua", 1, true), text)
		assert(ask "LIST".never_launched:find "^Querying: ")
		local handle = tonumber(text:match "Init as :(%x+)", 16)
		skynet.send(handle, "text", "go")
		tap.until_true("both", function() return got and queried end)
		equal(got, handle)
		equal(queried, handle)
		equal(ask "LIST".slow_start, skynet.address(handle))
	end },
	{ "a service that died keeps its place", function()
		local s = skynet.uniqueservice "eater"
		skynet.kill(s)
		equal(skynet.uniqueservice "eater", s)
	end },
	{ "one that exits while it starts is a failure, with the same text for all later calls",
		function()
		local caught
		skynet.fork(function() caught = select(2,
			pcall(skynet.uniqueservice, "slow_start2")) end)
		tap.until_true("the failure", function() return caught end)
		equal(raises("", skynet.uniqueservice, "slow_start2"), caught)
		equal(raises("", skynet.queryservice, "slow_start2"), caught)
	end },
	{ "there is one manager a node", function()
		local from, first = #tap.log(), skynet.localname ".service"
		equal(skynet.newservice "service_mgr", nil)
		tap.logged(".service is already register by " .. skynet.address(first), from)
		equal(skynet.localname ".service", first)
	end },
	{ "REPORT is answered, and the one who reported is asked by LIST", function()
		local s = skynet.newservice "callee"
		skynet.call(s, "lua", "eval", [[
			local skynet = require "skynet"
			skynet.dispatch("lua", function(_, _, what)
				skynet.retpack { thing = what }
			end)]])
		equal(ask("REPORT", s), true)
		equal(ask("REPORT", s), true)
		local key = "thing@" .. skynet.harbor(s)
		equal(ask "LIST"[key], "LIST")
		skynet.kill(s)
		tap.until_true("its end", function() return ask "LIST"[key] == nil end)
	end },
}
