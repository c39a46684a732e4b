-- SPDX-License-Identifier: MIT
-- Names, and skynet.harbor in a single node.
local skynet = require "skynet"
local harbor = require "skynet.harbor"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

tap.run {
	{ "globalname and queryname", function()
		local s = skynet.newservice "callee"
		equal(select("#", harbor.globalname("G1", s)), 0)
		equal(harbor.queryname "G1", s)
		harbor.globalname "G2"
		equal(harbor.queryname "G2", skynet.self())
		equal(skynet.call("G1", "lua", "echo", "by name"), "by name")
	end },
	{ "queryname waits until somebody has the name", function()
		local got
		skynet.fork(function() got = harbor.queryname "LATER" end)
		skynet.sleep(2)
		equal(got, nil)
		harbor.globalname "LATER"
		tap.until_true("the name", function() return got end)
		equal(got, skynet.self())
	end },
	{ "queryname with a time limit", function()
		local t0 = skynet.hpc()
		raises("no such name", harbor.queryname, "NEVER", 3)
		assert(skynet.hpc() - t0 >= 30e6)
		equal(harbor.queryname(".launcher"), skynet.localname ".launcher")
		equal(harbor.queryname ".nobody", nil)
	end },
	{ "register tells who lost; the loser's global name does not take over", function()
		local s = skynet.newservice "callee"
		equal(harbor.register("R1", s), true)
		raises("name is taken", harbor.register, "R1")
		equal(harbor.register("R1", s), true)
		local from = #tap.log()
		harbor.globalname "R1"
		tap.logged("R1: name is taken", from)
		skynet.register "R1"
		equal(harbor.queryname "R1", s)
	end },
	{ "release, and the end of its owner, make a name free", function()
		local s = skynet.newservice "callee"
		harbor.register("F1", s)
		raises("call failed", harbor.release, "F1")
		equal(harbor.release("F1", s), true)
		equal(harbor.register "F1", true)
		harbor.register("F2", s)
		skynet.kill(s)
		tap.until_true("the name", function() return pcall(harbor.register, "F2") end)
		equal(harbor.queryname "F2", skynet.self())
	end },
	{ "a name is handed over, and its number tells who was the last", function()
		local s = skynet.newservice "callee"
		local ok, mine = harbor.register "T1"
		equal(ok, true)
		assert(harbor.check("T1", mine))
		raises("no such service", harbor.transfer, "T1", s + 100000)
		raises("not the handle", harbor.transfer, "T1", 0)
		local ok, theirs = harbor.transfer("T1", s)
		equal(ok, true)
		assert(theirs > mine)
		local fence, owner = harbor.fence "T1"
		equal(fence, theirs)
		equal(owner, s)
		equal(harbor.fence("T1", true), theirs)
		equal(harbor.check("T1", mine), false)
		equal(harbor.check("T1", theirs), true)
		equal(harbor.check("T1", theirs, true), true)
		equal(harbor.check("T1", theirs + 1), false)
		equal(harbor.check("T1", 0), false)
		equal(harbor.check("T1", -1), false)
		raises("belongs to another", harbor.transfer, "T1", skynet.self())
		harbor.transfer("T1", skynet.self(), 0)
		equal(harbor.queryname "T1", skynet.self())
		harbor.release("T1", 0)
		equal(harbor.fence "T1", nil)
		equal(harbor.fence("T1", true), nil)
		equal(harbor.check("T1", theirs), false)
		raises("no such name", harbor.transfer, "T1", s)
	end },
	{ "names have up to 63 bytes", function()
		local name = ("n"):rep(63)
		harbor.register(name)
		equal(harbor.queryname(name), skynet.self())
		harbor.release(name)
	end },
	{ "names that cannot be", function()
		for _, name in ipairs { "", ":1", ("x"):rep(64), "12", "0x10", "1e3" } do
			raises("", skynet.register, name)
			raises("", harbor.globalname, name)
			raises("", harbor.register, name)
		end
		equal(harbor.register "0123456789abcde", true)
		raises("", skynet.name, nil, 1)
		raises("", skynet.name, "X")
	end },
	{ "local names: the first keeps it, one service may have several", function()
		local a, b = skynet.newservice "callee", skynet.newservice "callee"
		skynet.name(".l1", a)
		skynet.name(".l1", b)
		skynet.name(".l2", a)
		equal(skynet.localname ".l1", a)
		equal(skynet.localname ".l2", a)
		skynet.kill(a)
		equal(skynet.localname ".l1", nil)
		equal(skynet.localname ".l2", nil)
		skynet.name(".l1", b)
		equal(skynet.call(".l1", "lua", "echo", "b"), "b")
	end },
	{ "there are no other nodes", function()
		raises("no such node", skynet.call, 0x05000001, "lua", "x")
		equal(select("#", harbor.link(5)), 0)
		raises("call failed", harbor.linkmaster)
		local from = #tap.log()
		raises("call failed", harbor.connect, 5)
		tap.logged("Can't connect to other harbor in single node mode", from)
		raises("0 to 255", harbor.link, 256)
	end },
	{ ".cslave answers what programs ask it", function()
		equal(select("#", skynet.call(".cslave", "lua", "LINK", 5)), 0)
		skynet.call(".cslave", "lua", "REGISTER", "CS", skynet.self())
		equal(skynet.call(".cslave", "lua", "QUERYNAME", "CS"), skynet.self())
		raises("call failed", skynet.call, ".cslave", "lua", "LINKMASTER")
		raises("unknown command", skynet.call, ".cslave", "lua", "NOSUCH")
	end },
}
