-- SPDX-License-Identifier: MIT
-- The daily API: calls, answers, errors, time, tasks, births and deaths.
local skynet = require "skynet"
local tap = require "tap"

local mode = ...

if mode == "server" then
	local command = {}
	function command.echo(...) skynet.ret(skynet.pack(...)) end
	function command.fail() error "boom" end
	function command.fail_table() error { code = 1 } end
	function command.hang() skynet.wait() end
	function command.forget() end
	function command.ignore() skynet.ignoreret() end
	function command.exit() skynet.exit() end
	function command.twice()
		skynet.retpack(1)
		local ok = pcall(skynet.retpack, 2)
		assert(not ok)
	end
	function command.later()
		local answer = skynet.response()
		assert(answer "TEST")
		skynet.fork(function()
			skynet.sleep(2)
			answer(true, "late")
			assert(not pcall(answer, true))
		end)
	end
	function command.refuse() skynet.response()(false) end
	function command.drop()
		skynet.response()
		collectgarbage()
		collectgarbage()
	end
	function command.context() skynet.retpack(select(2, skynet.context())) end
	function command.slow(n)
		skynet.sleep(n)
		skynet.retpack(n)
	end
	local hits = 0
	function command.hit() hits = hits + 1 end
	function command.hits() skynet.retpack(hits) end
	skynet.start(function()
		skynet.dispatch("lua", function(_, _, name, ...)
			command[name](...)
		end)
	end)
	return
elseif mode == "bad" then
	error "bad main chunk"
elseif mode == "badstart" then
	skynet.start(function() error "bad start" end)
	return
elseif mode == "nostart" then
	return
elseif mode == "exits" then
	skynet.start(function() skynet.exit() end)
	return
end

local equal, raises = tap.equal, tap.raises
local function server() return skynet.newservice(SERVICE_NAME, "server") end

tap.run {
	{ "a call gives back every value, nils too", function()
		local r = table.pack(skynet.call(server(), "lua", "echo", 1, nil, "x",
			{ a = { 1, 2 } }, nil))
		equal(r.n, 5)
		equal(r[1], 1)
		equal(r[2], nil)
		equal(r[4].a[2], 2)
	end },
	{ "an error in the callee fails the call and says why", function()
		local s = server()
		raises("call failed: error in callee", skynet.call, s, "lua", "fail")
		raises("boom", skynet.call, s, "lua", "fail")
		raises("call failed", skynet.call, s, "lua", "fail_table")
		equal(skynet.call(s, "lua", "echo", 7), 7)
	end },
	{ "a call to nobody is refused at once", function()
		raises("call to invalid address :00ffffff", skynet.call, 0xffffff, "lua", "x")
		raises("call to invalid address .nobody", skynet.call, ".nobody", "lua", "x")
		raises("Invalid service address 0", skynet.send, 0, "lua", "x")
		raises("must be a string or number", skynet.send, {}, "lua", "x")
	end },
	{ "a callee that is killed while it works fails the call", function()
		local s = server()
		skynet.fork(function() skynet.sleep(2) skynet.kill(s) end)
		raises("call failed: the callee was killed", skynet.call, s, "lua", "hang")
	end },
	{ "a callee that exits while it works fails the call", function()
		local s = server()
		raises("call failed: the callee exited", skynet.call, s, "lua", "exit")
	end },
	{ "requests queued at a dead callee fail", function()
		local s, failed = server(), 0
		for _ = 1, 20 do
			skynet.fork(function()
				if not pcall(skynet.call, s, "lua", "slow",
					1000) then failed = failed + 1 end
			end)
		end
		skynet.yield()
		skynet.kill(s)
		for _ = 1, 500 do
			if failed == 20 then break end
			skynet.sleep(1)
		end
		equal(failed, 20)
	end },
	{ "a forgotten answer fails the call", function()
		raises("did not answer", skynet.call, server(), "lua", "forget")
	end },
	{ "a dropped response fails the call", function()
		local s = server()
		raises("call failed", skynet.call, s, "lua", "drop")
	end },
	{ "calltimeout raises in time and the late answer is dropped", function()
		local s, t0 = server(), skynet.now()
		raises("call failed: timeout", skynet.calltimeout, 5, s, "lua", "slow", 10)
		assert(skynet.now() - t0 < 10)
		skynet.sleep(10)
		equal(skynet.calltimeout(100, s, "lua", "echo", 3), 3)
	end },
	{ "response answers later, once, or refuses", function()
		local s = server()
		equal(skynet.call(s, "lua", "later"), "late")
		raises("call failed", skynet.call, s, "lua", "refuse")
	end },
	{ "a second ret raises", function()
		equal(skynet.call(server(), "lua", "twice"), 1)
	end },
	{ "sends arrive in order of sending, and none is lost", function()
		local s = server()
		for _ = 1, 5000 do skynet.send(s, "lua", "hit") end
		equal(skynet.call(s, "lua", "hits"), 5000)
	end },
	{ "context tells the source", function()
		equal(skynet.call(server(), "lua", "context"), skynet.self())
	end },
	{ "a call to oneself works", function()
		skynet.dispatch("lua", function(_, _, x) skynet.retpack(x + 1) end)
		equal(skynet.call(skynet.self(), "lua", 41), 42)
	end },
	{ "sleep is never early; wakeup breaks it", function()
		local t0 = skynet.hpc()
		equal(skynet.sleep(3), nil)
		assert(skynet.hpc() - t0 >= 30 * 1000000)
		local me = coroutine.running()
		skynet.timeout(1, function() assert(skynet.wakeup(me)) end)
		equal(skynet.sleep(500), "BREAK")
		equal(skynet.wakeup(me), nil)
	end },
	{ "wait with a token of one's own", function()
		local token, got = {}, nil
		skynet.fork(function() skynet.wait(token) got = true end)
		skynet.yield()
		assert(skynet.wakeup(token))
		skynet.yield()
		equal(got, true)
	end },
	{ "one token cannot be waited on twice", function()
		local token = {}
		skynet.fork(function() skynet.wait(token) end)
		skynet.yield()
		raises("token duplicative", skynet.wait, token)
		skynet.wakeup(token)
	end },
	{ "timers fire in order and a cancelled one does not", function()
		local seen = {}
		skynet.timeout(3, function() seen[#seen + 1] = 3 end)
		skynet.timeout(1, function() seen[#seen + 1] = 1 end)
		local t = skynet.timer(2, function() seen[#seen + 1] = 2 end)
		equal(t:cancel(), true)
		equal(t:cancel(), false)
		skynet.sleep(5)
		equal(table.concat(seen, ","), "1,3")
	end },
	{ "forks run in order, with their arguments", function()
		local seen = {}
		skynet.fork(function(...) seen[#seen + 1] = select("#", ...) end, 1, nil, nil)
		skynet.fork(function() seen[#seen + 1] = "b" end)
		skynet.yield()
		equal(table.concat(seen, ","), "3,b")
	end },
	{ "killthread ends a waiting task", function()
		local co = skynet.fork(function() skynet.wait() end)
		skynet.yield()
		equal(skynet.killthread(co), co)
		equal(skynet.killthread(co), nil)
	end },
	{ "newservice raises with the reason", function()
		raises("bad main chunk", skynet.newservice, SERVICE_NAME, "bad")
		raises("bad start", skynet.newservice, SERVICE_NAME, "badstart")
		raises("never called skynet.start", skynet.newservice, SERVICE_NAME, "nostart")
		raises("cannot open", skynet.newservice, "no_such_service")
		equal(skynet.newservice(SERVICE_NAME, "exits"), nil)
	end },
	{ "uniqueservice gives one, also to several at once", function()
		local got, left = {}, 4
		local me = coroutine.running()
		for i = 1, 4 do
			skynet.fork(function()
				got[i] = skynet.uniqueservice(SERVICE_NAME, "server")
				left = left - 1
				if left == 0 then skynet.wakeup(me) end
			end)
		end
		skynet.wait(me)
		for i = 2, 4 do equal(got[i], got[1]) end
		equal(skynet.queryservice(SERVICE_NAME), got[1])
		raises("cannot open", skynet.uniqueservice, "no_such_service")
	end },
	{ "local names", function()
		local s = server()
		skynet.name(".bob", s)
		equal(skynet.localname ".bob", s)
		equal(skynet.call(".bob", "lua", "echo", 5), 5)
		skynet.kill ".bob"
		equal(skynet.localname ".bob", nil)
	end },
	{ "global names in a single node, and the loser hears of it", function()
		local harbor = require "skynet.harbor"
		local s = server()
		skynet.name("GLOB", s)
		equal(harbor.queryname "GLOB", s)
		equal(skynet.call("GLOB", "lua", "echo", 6), 6)
		raises("name is taken", harbor.register, "GLOB")
		raises("no such name", harbor.queryname, "NOBODY", 2)
		raises("call failed: no such name", skynet.call, "NOBODY", "lua", "x")
		raises("no such node", skynet.call, 0x05000001, "lua", "x")
	end },
	{ "env is written once", function()
		skynet.setenv("color", "red")
		equal(skynet.getenv "color", "red")
		raises("Can't setenv exist key : color", skynet.setenv, "color", "blue")
		equal(skynet.getenv "nothing", nil)
		equal(skynet.getenv "start", SERVICE_NAME)
	end },
	{ "a blocking call in a plain coroutine is refused, not lost", function()
		raises("must run in a task", coroutine.wrap(function() skynet.sleep(1) end))
	end },
	{ "user protocols", function()
		skynet.register_protocol {
			name = "up", id = 100,
			pack = function(s) return s:upper() end,
			unpack = skynet.tostring,
			dispatch = function(_, _, s) skynet.ret(s .. "!") end,
		}
		equal(skynet.call(skynet.self(), "up", "abc"), "ABC!")
		raises("already", skynet.register_protocol, { name = "up", id = 101 })
		raises("is not registered", skynet.send, skynet.self(), "nope", 1)
		raises("does not handle this protocol", skynet.call, server(), "up", "x")
	end },
	{ "the debug protocol answers", function()
		local s = server()
		assert(skynet.call(s, "debug", "MEM") > 1)
		equal(skynet.call(s, "debug", "STAT").mqlen, 0)
		skynet.call(s, "debug", "PING")
		equal(skynet.call(s, "debug", "SUPPORT", "lua"), true)
		raises("call failed", skynet.call, s, "debug", "NOSUCH")
	end },
	{ "queue runs one at a time, re-entrant, and lets go on errors", function()
		local queue = require "skynet.queue"
		local cs, seen = queue(), {}
		for i = 1, 3 do
			skynet.fork(function()
				cs(function()
					skynet.sleep(1)
					cs(function() seen[#seen + 1] = i end)
				end)
			end)
		end
		tap.until_true("all three", function() return seen[3] end)
		equal(table.concat(seen, ","), "1,2,3")
		raises("oops", cs, function() error "oops" end)
		equal(cs(function() return "free" end), "free")
	end },
	{ "an endless loop ends when its service is killed", function()
		if os.getenv "HARBORD_TEST_TSAN" then
			return -- TSan holds asynchronous signals back until the next call it knows
		end
		local s = skynet.newservice("spin")
		skynet.send(s, "lua")
		skynet.sleep(5)
		skynet.kill(s)
		local left = 1000
		while left > 0 and skynet.getenv("spin_gone") == nil do
			left = left - 1
			skynet.sleep(1)
		end
		assert(left > 0, "the loop goes on")
	end },
	{ "a memory limit fails the request, not the node", function()
		local s = skynet.newservice("eater")
		raises("not enough memory", skynet.call, s, "lua")
		equal(skynet.call(s, "lua", "small"), "fine")
	end },
	{ "a thousand services are born and die", function()
		local all = {}
		for i = 1, 1000 do all[i] = server() end
		for i = 1, 1000 do
			equal(skynet.call(all[i], "lua", "echo", i), i)
			skynet.send(all[i], "lua", "exit")
		end
	end },
}
