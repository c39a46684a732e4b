-- SPDX-License-Identifier: MIT
-- The host underneath the API: order of tasks, protocols, libraries, require, coroutines, errors.
local skynet = require "skynet"
local tap = require "tap"
require "skynet.manager"

local mode, arg1 = ...
-- TSan holds asynchronous signals back until the next call it knows
local tsan = os.getenv "HARBORD_TEST_TSAN"

if mode == "server" then
	local command = {}
	function command.echo(...) skynet.retpack(...) end
	function command.hang() skynet.wait() end
	function command.raise(what)
		local closed <close> = setmetatable({},
			{ __close = function() skynet.setenv(what, "closed") end })
		error("raised " .. what)
	end
	function command.nasty()
		error(setmetatable({}, { __tostring = function() error "no text" end }))
	end
	function command.stall(v) coroutine.yield(v) end
	function command.exit() skynet.exit() end
	local owed
	function command.owe() owed = skynet.response() end
	function command.owed() skynet.retpack(owed "TEST", owed(true)) end
	function command.calls(to) skynet.call(to, "lua", "owe") end
	function command.pass(to, ...)
		local session, source = skynet.context()
		skynet.redirect(to, source, "lua", session, skynet.pack(...))
	end
	function command.pcall_loop() while true do pcall(function() while true do end end) end end
	function command.grow()
		local t = {}
		while true do t[#t + 1] = ("x"):rep(1000) .. #t end
	end
	function command.mode(mode) skynet.retpack(collectgarbage(mode)) end
	function command.limit() skynet.retpack(collectgarbage "count") end
	function command.wrapped()
		skynet.retpack(coroutine.wrap(function() return pcall(skynet.sleep, 1) end)())
	end
	if arg1 == "small" then skynet.memlimit(4 << 20) end
	skynet.start(function()
		if arg1 == "incremental" or arg1 == "generational" then collectgarbage(arg1) end
		skynet.dispatch("lua", function(_, _, name, ...) command[name](...) end)
	end)
	return
elseif mode == "forwarder" then
	skynet.register_protocol {
		name = "text", id = skynet.PTYPE_TEXT, pack = function(s) return s end,
		unpack = function(msg, size) return msg, size end,
		dispatch = function(_, source, msg, size)
			skynet.send(source, "lua", "text", skynet.tostring(msg, size))
			skynet.trash(msg, size)
		end,
	}
	skynet.forward_type({ [skynet.PTYPE_CLIENT] = skynet.PTYPE_TEXT }, function()
		skynet.dispatch("lua", function(_, _, ...) skynet.retpack(...) end)
	end)
	return
elseif mode == "filtered" then
	skynet.filter(function(type, msg, size, session, source)
		if type == skynet.PTYPE_CLIENT then
			return skynet.PTYPE_LUA, msg, size, session, source
		end
		return type, msg, size, session, source
	end, function()
		skynet.dispatch("lua", function(_, _, ...) skynet.retpack("filtered", ...) end)
	end)
	return
elseif mode == "raw" then
	local core = require "skynet.core"
	local seen = 0
	skynet.dispatch("lua", function(_, _, what)
		skynet.sleep(1)
		skynet.retpack(what, seen)
	end)
	core.callback(function(...)
		seen = seen + 1
		skynet.dispatch_message(...)
	end)
	core.send(".launcher", skynet.PTYPE_TEXT, 0, "")
	return
elseif mode == "passes" then
	local core, to = require "skynet.core", tonumber(arg1)
	core.callback(function(type, msg, size, session, source)
		if type == skynet.PTYPE_CLIENT then
			core.redirect(to, source, skynet.PTYPE_TEXT, session, msg, size)
		elseif size > 0 then
			core.trash(msg, size)
		end
	end, true)
	core.send(".launcher", skynet.PTYPE_TEXT, 0, "")
	return
elseif mode == "place" then
	skynet.start(function()
		skynet.dispatch("lua", function()
			skynet.retpack(SERVICE_NAME, SERVICE_PATH, mode, arg1)
		end)
	end)
	return
end

local equal, raises = tap.equal, tap.raises
local function server(...) return skynet.newservice(SERVICE_NAME, "server", ...) end
local function until_true(f) return tap.until_true("its condition", f) end

local inbox = {}
skynet.dispatch("lua", function(_, _, ...) inbox[#inbox + 1] = { ... } end)

tap.run {
	-- ---- errors ----
	{ "an error closes the variables of its task before the next message", function()
		local s = server()
		raises("raised test_closed", skynet.call, s, "lua", "raise", "test_closed")
		equal(skynet.call(s, "lua", "echo", 1), 1)
		equal(skynet.getenv "test_closed", "closed")
	end },
	{ "an error whose text cannot be made fails the call, and nothing else", function()
		local s = server()
		raises("call failed", skynet.call, s, "lua", "nasty")
		equal(skynet.call(s, "lua", "echo", 1), 1)
	end },
	{ "a request that cannot be unpacked fails", function()
		local s = server()
		raises("Invalid serialize stream", skynet.rawcall, s, "lua", "\x0a")
		equal(skynet.call(s, "lua", "echo", 1), 1)
	end },
	{ "a handler that stalls in coroutine.yield fails its caller", function()
		local s = server()
		raises("coroutine.yield", skynet.call, s, "lua", "stall")
		raises("coroutine.yield", skynet.call, s, "lua", "stall", "what")
		equal(skynet.call(s, "lua", "echo", 1), 1)
	end },
	{ "the memory limit of the main chunk fails the request that passes it", function()
		local s = server "small"
		raises("not enough memory", skynet.call, s, "lua", "grow")
		assert(skynet.call(s, "lua", "limit") < 4096)
	end },
	{ "a loop that pcalls ends as well when its service is killed", function()
		if tsan then return end
		local s = server()
		skynet.fork(function() skynet.sleep(2) skynet.kill(s) end)
		raises("call failed", skynet.call, s, "lua", "pcall_loop")
	end },
	{ "signal 0 breaks the running request, not the next one", function()
		if tsan then return end
		local s = server()
		skynet.fork(function()
			skynet.sleep(5)
			require "skynet.core".command("SIGNAL", skynet.address(s) .. " 0")
		end)
		-- the signal strikes the inner pcall first and the loop goes on; a plain loop ends
		local ok = pcall(skynet.calltimeout, 30, s, "lua", "pcall_loop")
		assert(not ok)
		skynet.kill(s)
		s = server()
		require "skynet.core".command("SIGNAL", skynet.address(s) .. " 0")
		equal(skynet.call(s, "lua", "echo", 1), 1)
	end },

	{ "the collector is generational, or what the start function chose", function()
		equal(skynet.call(server(), "lua", "mode", "generational"), "generational")
		equal(skynet.call(server "incremental", "lua", "mode", "incremental"),
			"incremental")
		equal(skynet.call(server "generational", "lua", "mode", "generational"),
			"generational")
	end },

	-- ---- order ----
	{ "wakeups run first, then forks, before the next message", function()
		local order = {}
		local token = {}
		skynet.fork(function() skynet.wait(token) order[#order + 1] = "woken" end)
		skynet.yield()
		skynet.timeout(0, function() order[#order + 1] = "message" end)
		skynet.fork(function()
			order[#order + 1] = "fork 1"
			skynet.fork(function() order[#order + 1] = "fork 3" end)
		end)
		skynet.fork(function() order[#order + 1] = "fork 2" end)
		skynet.wakeup(token)
		skynet.sleep(2)
		equal(table.concat(order, ","), "woken,fork 1,fork 2,fork 3,message")
	end },
	{ "two wakeups wake twice if it waits again, else once", function()
		local token, count = {}, 0
		skynet.fork(function()
			skynet.wait(token)
			skynet.wait(token)
			count = count + 1
		end)
		skynet.yield()
		equal(skynet.wakeup(token), true)
		equal(skynet.wakeup(token), true)
		skynet.yield()
		equal(count, 1)
		equal(skynet.wakeup(token), nil)
	end },
	{ "a task woken early is not woken by its timer afterwards", function()
		local results = {}
		local co = skynet.fork(function()
			results[1] = skynet.sleep(2)
			results[2] = skynet.sleep(4)
		end)
		skynet.yield()
		skynet.wakeup(co)
		skynet.sleep(10)
		equal(results[1], "BREAK")
		equal(results[2], nil)
	end },
	{ "a wakeup does not touch a pending call", function()
		local s = server()
		local done
		local co = skynet.fork(function() done = pcall(skynet.call, s, "lua", "hang") end)
		skynet.yield()
		equal(skynet.wakeup(co), nil)
		skynet.kill(s)
		until_true(function() return done == false end)
	end },
	{ "timeout gives what killthread takes, and its function gets the contract's arguments",
		function()
		local got
		skynet.timeout(1, function(...) got = table.pack(...) end)
		local ran = false
		local t = skynet.timeout(1, function() ran = true end)
		assert(skynet.killthread(t))
		equal(skynet.killthread(t), nil)
		skynet.sleep(3)
		equal(ran, false)
		equal(got.n, 4)
		equal(got[1], true)
		equal(got[3], 0)
	end },
	{ "a task that is killed while it calls leaves no trace", function()
		local s = server()
		local closed = false
		local co = skynet.fork(function()
			local c <close> = setmetatable({},
				{ __close = function() closed = true end })
			skynet.call(s, "lua", "hang")
		end)
		skynet.yield()
		local before = skynet.task()
		assert(skynet.killthread(co))
		equal(closed, true)
		equal(skynet.task(), before - 1)
		equal(coroutine.status(co) == "dead" or coroutine.status(co) == "suspended", true)
	end },

	-- ---- whom it concerns ----
	{ "redirect hands a request on", function()
		local a, b = server(), server()
		equal(skynet.call(a, "lua", "pass", b, "echo", "from b"), "from b")
	end },
	{ "a service that ends tells those whom it called", function()
		local caller, callee = server(), server()
		skynet.send(caller, "lua", "calls", callee)
		skynet.call(caller, "lua", "echo")
		skynet.kill(caller)
		until_true(function() return not pcall(skynet.call, caller, "lua", "echo") end)
		skynet.sleep(1)
		local deliverable, delivered = skynet.call(callee, "lua", "owed")
		equal(deliverable, false)
		equal(delivered, false)
	end },
	{ "term fails pending calls by number and by name", function()
		local s = server()
		skynet.name(".termtest", s)
		local results = {}
		skynet.fork(function() results[1] = select(2,
			pcall(skynet.call, s, "lua", "hang")) end)
		skynet.fork(function() results[2] = select(2,
			pcall(skynet.call, ".termtest", "lua", "hang")) end)
		skynet.yield()
		skynet.term(s)
		until_true(function() return results[1] and results[2] end)
		assert(results[1]:find("terminated", 1, true))
		assert(results[2]:find("terminated", 1, true))
		equal(skynet.call(s, "lua", "echo", 1), 1)
	end },
	{ "protocols may be registered while calls are pending", function()
		local s = server()
		local result
		skynet.fork(function() result = skynet.call(s, "lua", "echo", "still lua") end)
		skynet.fork(function()
			for i = 100, 140 do
				skynet.register_protocol { name = "p" .. i, id = i,
					pack = skynet.pack, unpack = skynet.unpack }
			end
		end)
		until_true(function() return result end)
		equal(result, "still lua")
		equal(skynet._proto.p120.id, 120)
		raises("registered already", skynet.register_protocol, { name = "p100", id = 200 })
		raises("already", skynet.register_protocol, { name = "other", id = 100 })
		raises("0..255", skynet.register_protocol, { name = "other", id = 256 })
		raises("not registered", skynet.send, s, "nobody knows it")
	end },
	{ "forward_type gives the buffer to the handler", function()
		local s = skynet.newservice(SERVICE_NAME, "forwarder")
		skynet.register_protocol { name = "client", id = skynet.PTYPE_CLIENT,
			pack = function(x) return x end }
		skynet.send(s, "client", "the text")
		until_true(function() return inbox[1] end)
		equal(inbox[1][2], "the text")
		equal(skynet.call(s, "lua", 5), 5)
	end },
	{ "filter changes messages before the dispatch", function()
		local s = skynet.newservice(SERVICE_NAME, "filtered")
		local what, value = skynet.call(s, "lua", 1)
		equal(what, "filtered")
		equal(value, 1)
		local msg, size = skynet.rawcall(s, "client", skynet.packstring(7))
		local _, seven = skynet.unpack(msg, size)
		equal(seven, 7)
	end },
	{ "a callback of one's own may use the stock dispatch", function()
		local s = skynet.newservice(SERVICE_NAME, "raw")
		local what, seen = skynet.call(s, "lua", "hello")
		equal(what, "hello")
		assert(seen >= 2)
	end },

	{ "a callback that forwards owns what it is given, unless that is empty", function()
		local got = {}
		skynet.register_protocol {
			name = "text", id = skynet.PTYPE_TEXT, unpack = skynet.tostring,
				pack = function(s) return s end,
			dispatch = function(_, _, text) got[#got + 1] = text end,
		}
		local s = skynet.newservice(SERVICE_NAME, "passes", skynet.self())
		for _ = 1, 20 do -- what was freed twice is two messages at once in a later round
			got = {}
			for i = 1, 256 do
				skynet.rawsend(s, "client", string.char(i - 1))
				skynet.rawsend(s, "client", "")
			end
			until_true(function() return #got == 512 end)
			for i = 1, 256 do
				equal(got[2 * i - 1], string.char(i - 1))
				equal(got[2 * i], "")
			end
		end
	end },

	-- ---- what a program sees ----
	{ "a service knows its name, place and arguments", function()
		local name, path, mode_, extra = skynet.call(skynet.newservice(SERVICE_NAME,
			"place", "two"), "lua")
		equal(name, SERVICE_NAME)
		equal(path, SERVICE_PATH)
		equal(mode_, "place")
		equal(extra, "two")
	end },
	{ "libraries are complete although they open late", function()
		local count = 0
		for name, f in pairs(math) do
			count = count + 1
			assert(math[name] == f)
		end
		assert(count >= 23, count)
		equal(("%d"):format(5), "5")
		equal("10" + 5, 15)
		equal(("x"):rep(3), "xxx")
		equal(utf8.char(228), "ä")
		assert(io.type(io.stdout) == "file")
		assert(debug.traceback "x":find "x")
		equal(require "string", string)
		equal(getmetatable("").__index, string)
	end },
	{ "a field that a program removed or set first stays so", function()
		local code = [[
			os.execute = nil
			table.unpack = "mine"
			local skynet = require "skynet"
			skynet.start(function()
				skynet.dispatch("lua", function()
					skynet.retpack(os.execute == nil, os.time ~= nil,
						table.unpack, getmetatable(os) == nil)
				end)
			end)]]
		local name = os.tmpname()
		local f = assert(io.open(name, "w"))
		f:write(code)
		f:close()
		-- a name with a path in it: the template puts it where it likes
		local dir, base = name:match "^(.*/)(.*)$"
		local template = SERVICE_PATH .. "?.lua"
		local up = SERVICE_PATH:gsub("[^/]+/", "../")
		local service = (up .. dir):gsub("//+", "/") .. base
		os.rename(name, name .. ".lua")
		local s = skynet.newservice(service)
		os.remove(name .. ".lua")
		local gone, time, unpack, plain = skynet.call(s, "lua")
		equal(gone, true)
		equal(time, true)
		equal(unpack, "mine")
		equal(plain, true)
	end },
	{ "pairs(skynet) shows every function", function()
		local seen = 0
		for name, value in pairs(skynet) do
			assert(type(name) == "string")
			if type(value) == "function" then seen = seen + 1 end
		end
		assert(seen > 50, seen)
	end },
	{ "modules may wait while a task requires them; others wait for them", function()
		package.preload.slow_module = function()
			skynet.sleep(2)
			local value = { inits = 0 }
			skynet.init(function()
				skynet.sleep(1)
				value.inits = value.inits + 1
			end)
			return value
		end
		local results = {}
		for i = 1, 3 do
			skynet.fork(function() results[i] = require "slow_module" end)
		end
		until_true(function() return results[1] and results[2] and results[3] end)
		equal(results[1], results[2])
		equal(results[1], results[3])
		equal(results[1].inits, 1)
		equal(package.loaded.slow_module, results[1])
	end },
	{ "a module that requires itself, or fails, says so to everybody", function()
		package.preload.circle_a = function() return require "circle_b" end
		package.preload.circle_b = function() return require "circle_a" end
		raises("circular dependency", require, "circle_a")
		package.preload.broken = function() skynet.sleep(1) error "it broke" end
		local others
		skynet.fork(function() others = select(2, pcall(require, "broken")) end)
		raises("it broke", require, "broken")
		until_true(function() return others end)
		assert(others:find("it broke", 1, true)
			or others:find("require broken failed", 1, true), others)
		raises("not found", require, "no.such.module")
	end },
	{ "skynet.init outside of a loading module raises", function()
		raises("skynet.init", skynet.init, function() end)
	end },

	-- ---- coroutines inside a task ----
	{ "plain coroutines are refused, those of skynet.coroutine may block", function()
		equal(skynet.call(server(), "lua", "wrapped"), false)
		local co = require "skynet.coroutine"
		local s = server()
		local c = co.create(function(a)
			local b = co.yield(a + 1)
			local r = skynet.call(s, "lua", "echo", b)
			skynet.sleep(1)
			co.yield(r)
			return "end"
		end)
		local ok, v = co.resume(c, 1)
		equal(v, 2)
		ok, v = co.resume(c, "over the wire")
		equal(ok, true)
		equal(v, "over the wire")
		equal(co.status(c), "suspended")
		ok, v = co.resume(c)
		equal(v, "end")
		equal(co.status(c), "dead")
		ok, v = co.resume(c)
		equal(ok, false)
		equal(v, "cannot resume dead coroutine")
		ok, v = co.resume(coroutine.create(function() end))
		equal(v, "cannot resume none skynet coroutine")
	end },
	{ "a coroutine that the framework suspended cannot be resumed by another task", function()
		local co = require "skynet.coroutine"
		local c = co.create(function() skynet.sleep(3) return "slept" end)
		local result
		skynet.fork(function() result = table.pack(co.resume(c)) end)
		skynet.yield()
		equal(co.status(c), "blocked")
		local ok, why = co.resume(c)
		equal(ok, false)
		equal(why, "cannot resume a skynet coroutine suspend by skynet framework")
		until_true(function() return result end)
		equal(result[2], "slept")
	end },
	{ "wrap raises the error of the body, also after a wait", function()
		local co = require "skynet.coroutine"
		local f = co.wrap(function() skynet.sleep(1) error "from inside" end)
		raises("from inside", f)
	end },
	{ "profile counts running, not waiting", function()
		local profile = require "skynet.profile"
		profile.start()
		local t0 = skynet.hpc()
		while skynet.hpc() - t0 < 5e6 do end
		skynet.sleep(10)
		local spent = profile.stop()
		assert(spent >= 0.005 and spent < 0.1, spent)
		raises("before profile.stop", profile.stop)
	end },
}
