-- SPDX-License-Identifier: MIT
-- One service per node, or in the whole cluster.
local skynet = require "skynet"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

tap.run {
	{ "the first call launches with its arguments, later ones get the same", function()
		local s = skynet.uniqueservice("callee", "first")
		equal(skynet.uniqueservice("callee", "second"), s)
		equal(skynet.queryservice "callee", s)
		equal(skynet.call(s, "lua", "args"), "first")
	end },
	{ "calls at the same time wait for the one launch", function()
		local got = {}
		for i = 1, 5 do
			skynet.fork(function() got[i] = skynet.uniqueservice("birth", "slow") end)
		end
		tap.until_true("all", function() return #got == 5 end)
		for i = 2, 5 do equal(got[i], got[1]) end
	end },
	{ "queryservice waits until somebody launches", function()
		local got
		skynet.fork(function() got = skynet.queryservice "tap_late" end)
		skynet.fork(function() got = got
			or select(2, pcall(skynet.queryservice, "eater")) end)
		skynet.sleep(2)
		equal(got, nil)
		local s = skynet.uniqueservice "eater"
		tap.until_true("the query", function() return got end)
		equal(got, s)
	end },
	{ "a failed launch fails everybody who waits, and stays failed", function()
		local failed = 0
		for _ = 1, 3 do
			skynet.fork(function()
				if not pcall(skynet.uniqueservice,
					"no_such_service") then failed = failed + 1 end
			end)
		end
		tap.until_true("all", function() return failed == 3 end)
		local why = raises("no_such_service", skynet.uniqueservice, "no_such_service")
		assert(raises("", skynet.queryservice, "no_such_service") == why)
	end },
	{ "the cluster's are others than the node's", function()
		local s = skynet.uniqueservice(true, "callee", "global")
		assert(s ~= skynet.uniqueservice "callee")
		equal(skynet.uniqueservice(true, "callee"), s)
		equal(skynet.queryservice(true, "callee"), s)
		equal(skynet.call(s, "lua", "args"), "global")
	end },
	{ "LIST tells what there is", function()
		local list = skynet.call(".service", "lua", "LIST")
		equal(list.callee, skynet.address(skynet.queryservice "callee"))
		equal(list["@callee"], skynet.address(skynet.queryservice(true, "callee")))
		assert(list.no_such_service:find "^Error: ")
		local handle, why = skynet.call(".service", "lua", "NOSUCH")
		equal(handle, nil)
		equal(why, "Invalid command NOSUCH")
		equal(require "skynet.harbor".queryname "SERVICE", skynet.localname ".service")
	end },
	{ "monitor: the cluster's one watcher hears of every end", function()
		local watcher = require "skynet.manager".monitor "watcher"
		equal(skynet.monitor("watcher", true), watcher)
		local s = skynet.newservice "callee"
		skynet.kill(s)
		tap.until_true("the notice", function() return skynet.call(watcher, "lua", s) end)
		s = skynet.newservice "callee"
		skynet.send(s, "lua", "exit")
		tap.until_true("the notice", function() return skynet.call(watcher, "lua", s) end)
	end },
}
