-- SPDX-License-Identifier: MIT
-- Rows of the contract that have no file of their own.
local skynet = require "skynet"
require "skynet.manager"
local core = require "skynet.core"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local mode, arg1 = ...
if mode == "main_exit" then
	skynet.exit()
	return
elseif mode == "limits" then
	skynet.memlimit(math.tointeger(tonumber(arg1)))
	assert(skynet.memlimit == nil) -- once
	skynet.start(function()
		skynet.dispatch("lua", function(_, _, n) skynet.retpack(#("x"):rep(n)) end)
	end)
	return
elseif mode == "exits" then
	skynet.start(function()
		skynet.dispatch("lua", function()
			skynet.fork(function() skynet.send(".rows", "lua", "the fork ran") end)
			skynet.exit()
		end)
	end)
	return
end

local function callee() return skynet.newservice "callee" end
local inbox = {}
skynet.dispatch("lua", function(session, source, ...)
	inbox[#inbox + 1] = table.pack(...)
	if session ~= 0 then skynet.retpack(...) end
end)

tap.run {
	-- ---- 2.9 skynet.core ----
	{ "core.send: session, nothing for nobody, errors for nonsense", function()
		equal(core.send(skynet.self(), skynet.PTYPE_LUA, 0, skynet.packstring "a"), 0)
		equal(core.send(skynet.address(skynet.self()), skynet.PTYPE_LUA, 0,
			skynet.pack "b"), 0)
		tap.until_true("both", function() return #inbox == 2 end)
		equal(select("#", core.send(0xfffffe, skynet.PTYPE_LUA, 0, "x")), 0)
		equal(select("#", core.send(".nobody", skynet.PTYPE_LUA, 0, skynet.pack "x")), 0)
		raises("Invalid service address 0", core.send, 0, skynet.PTYPE_LUA, 0,
			skynet.pack "x")
		raises("dest address type (table) must be a string or number.", core.send, {},
			skynet.PTYPE_LUA, 0, "x")
		raises("invalid param boolean", core.send, skynet.self(), skynet.PTYPE_LUA, 0, true)
	end },
	{ "core.send without a session takes a new one; core.redirect speaks for others", function()
		local s, got = callee(), {}
		skynet.dispatch_unknown_response(function(session, source, msg, size)
			got[#got + 1] = { session, source, skynet.unpack(msg, size) }
		end)
		local session = core.send(s, skynet.PTYPE_LUA, nil,
			skynet.packstring("echo", "mine"))
		assert(session > 0)
		tap.until_true("the answer", function() return got[1] end)
		equal(got[1][1], session)
		equal(got[1][2], s)
		equal(got[1][3], "mine")
		core.redirect(skynet.self(), 0x99, skynet.PTYPE_RESPONSE, 4711,
			skynet.packstring "for another")
		tap.until_true("the second", function() return got[2] end)
		equal(got[2][1], 4711)
		equal(got[2][2], 0x99)
		skynet.dispatch_unknown_response(nil)
	end },
	{ "command, intcommand, addresscommand", function()
		equal(core.command("REG"), (":%x"):format(skynet.self()))
		equal(core.addresscommand "REG", skynet.self())
		equal(select("#", core.command("QUERY", ".nobody")), 0)
		equal(select("#", core.intcommand "NOSUCH"), 0)
		equal(core.intcommand("STAT", "nonsense"), 0)
		assert(core.intcommand("STAT", "message") > 0)
		equal(math.type(core.intcommand("STAT", "cpu")), "float")
		raises("integer", core.intcommand, "TIMEOUT", 1.5)
		equal(core.intcommand("STARTTIME"), skynet.starttime())
	end },
	{ "signals: 1 tells the memory, others only themselves", function()
		local s, from = callee(), #tap.log()
		core.command("SIGNAL", skynet.address(s) .. " 1")
		tap.logged(("[%s] recv a signal 1"):format(skynet.address(s)), from)
		tap.logged("Current Memory ", from)
		assert(tap.log():find("Current Memory %d+%.%d%d%dK", from + 1))
		core.command("SIGNAL", skynet.address(s) .. " 7")
		tap.logged("recv a signal 7", from)
		equal(skynet.call(s, "lua", "echo", 1), 1)
	end },

	-- ---- 3.1 dispatch ----
	{ "a request without a dispatch function fails its caller and is not logged", function()
		local s, from = callee(), #tap.log()
		skynet.register_protocol { name = "unheard", id = 150, pack = skynet.pack,
			unpack = skynet.unpack }
		raises("call failed", skynet.call, s, "unheard", 1)
		skynet.error "behind it"
		tap.logged("behind it", from)
		assert(not tap.log():find("Unknown", from + 1, true))
	end },
	{ "a send without one, and an answer nobody waits for, are logged with text and source",
		function()
		local from = #tap.log()
		skynet.send(skynet.self(), "unheard", "to nobody")
		tap.logged("Unknown request (unheard): ", from)
		tap.logged("to nobody", from)
		tap.logged(("Unknown session : 0 from %x"):format(skynet.self()), from)
		core.send(skynet.self(), skynet.PTYPE_RESPONSE, 987654, "too late")
		tap.logged("Response message : too late", from)
		tap.logged(("Unknown session : 987654 from %x"):format(skynet.self()), from)
	end },
	{ "dispatch_unknown_*: the function replaced can be called and put back", function()
		local from, mine = #tap.log(), 0
		local old
		local function f(...)
			mine = mine + 1
			old(...)
		end
		old = skynet.dispatch_unknown_request(f)
		equal(type(old), "function")
		skynet.send(skynet.self(), "unheard", "passed on")
		tap.logged("passed on", from)
		tap.logged(("Unknown session : 0 from %x"):format(skynet.self()), from)
		equal(mine, 1)
		equal(skynet.dispatch_unknown_request(old), f)
		from = #tap.log()
		old = skynet.dispatch_unknown_response(function(...) mine = mine + 1 old(...) end)
		core.send(skynet.self(), skynet.PTYPE_RESPONSE, 987655, "very late")
		tap.logged("Response message : very late", from)
		tap.logged("Unknown session : 987655 from ", from)
		equal(mine, 2)
		skynet.dispatch_unknown_response(old)
	end },

	-- ---- 3.2 life ----
	{ "exit drops forks that have not begun", function()
		skynet.register ".rows"
		inbox = {}
		raises("call failed", skynet.call, skynet.newservice(SERVICE_NAME, "exits"), "lua")
		skynet.sleep(2)
		equal(#inbox, 0)
	end },
	{ "exit in the main chunk ends the service, and the log tells of the yield", function()
		local from = #tap.log()
		equal(skynet.newservice(SERVICE_NAME, "main_exit"), nil)
		tap.logged("attempt to yield from outside a coroutine", from)
		tap.logged("KILL self", from)
	end },
	{ "memlimit holds from the main chunk on, and can be set once, and there only", function()
		skynet.memlimit(1)
		local from = #tap.log()
		local s = skynet.newservice(SERVICE_NAME, "limits", 4 << 20)
		tap.logged("Set memory limit to 4.00 M", from)
		equal(skynet.call(s, "lua", 1 << 20), 1 << 20)
		raises("not enough memory", skynet.call, s, "lua", 8 << 20)
		equal(skynet.call(s, "lua", 10), 10)
	end },
	{ "arguments of newservice: nil ends them, only words are taken", function()
		local s = skynet.newservice("callee", "a", 1, 2.5, "b c", nil, "lost")
		equal(table.concat({ skynet.call(s, "lua", "args") }, ","), "a,1,2.5,b,c")
		raises("string or number expected, got boolean", skynet.newservice, "callee", true)
		raises("string or number expected, got table", skynet.newservice, "callee", 1, {})
		s = skynet.newservice("callee", "one\ntwo")
		equal(table.concat({ skynet.call(s, "lua", "args") }, ","), "one")
		raises("string expected", skynet.newservice)
	end },

	-- ---- 3.5 sending ----
	{ "rawsend sends bytes as they are, strings or pointers", function()
		inbox = {}
		equal(skynet.rawsend(skynet.self(), "lua", skynet.packstring("raw", 1)), 0)
		equal(skynet.rawsend(skynet.self(), "lua", skynet.pack("raw", 2)), 0)
		equal(skynet.rawsend(skynet.self(), "lua", ""), 0)
		tap.until_true("all", function() return #inbox == 3 end)
		equal(inbox[1][2], 1)
		equal(inbox[2][2], 2)
		equal(inbox[3].n, 0)
		equal(select("#", skynet.rawsend(0xfffffe, "lua", skynet.pack(1))), 0)
		raises("not registered", skynet.rawsend, skynet.self(), "no_such_type", "x")
	end },
	{ "a call to oneself works; a session is a positive number that is not used twice",
		function()
		equal(skynet.call(skynet.self(), "lua", "me"), "me")
		local seen = {}
		for _ = 1, 1000 do
			local id = skynet.genid()
			assert(math.type(id) == "integer" and id > 0 and id <= 0x7fffffff
				and not seen[id])
			seen[id] = true
		end
	end },
	{ "a global name that nobody has: the call can be ended by term, or ends by itself",
		function()
		local why
		skynet.fork(function() why = select(2,
			pcall(skynet.call, "NOBODY_HAS", "lua", 1)) end)
		skynet.yield()
		skynet.term "NOBODY_HAS"
		tap.until_true("the end", function() return why end)
		assert(why:find "call failed", why)
	end },

	-- ---- 3.7 time and tasks ----
	{ "request: closed by hand nothing is waited for; the arguments' number can be told",
		function()
		local a = callee()
		local before = skynet.task()
		local r = skynet.request()
		r:add { a, "lua", "hang" }
		r { a, "lua", "echo", nil, nil, n = 5 }
		local iterate = r:select()
		local _, resp = iterate(r)
		equal(resp.n, 2)
		r:close()
		equal(skynet.task(), before)
		raises("", r.add, r, { a, "lua", "late" })
		raises("", skynet.request, { a })
	end },
	{ "a thousand answers of one request in any order", function()
		local a, n = callee(), 0
		local r = skynet.request()
		for i = 1, 1000 do r:add { a, "lua", "slow", i % 3 } end
		for req, resp in r:select(1000) do
			equal(resp[1], req[4])
			n = n + 1
		end
		equal(n, 1000)
		assert(not r.timeout)
	end },
	{ "killthread: a sleeper leaves no log line when its time comes", function()
		local from = #tap.log()
		local co = skynet.fork(function() skynet.sleep(2) end)
		skynet.yield()
		equal(skynet.killthread(co), co)
		skynet.sleep(5)
		assert(not tap.log():find("Unknown", from + 1, true))
		raises("a thread or a pattern", skynet.killthread, {})
	end },
	{ "task 'init' shows where the start function stands", function()
		equal(skynet.task "init", nil)
		local s
		skynet.fork(function() s = skynet.newservice "slow_start" end)
		local handle = tap.until_true("its handle", function()
			for key, text in pairs(skynet.call(".launcher", "lua", "LIST")) do
				if text == "snlua slow_start" then return tonumber(key:sub(2),
					16) end
			end
		end)
		tap.until_true("the start", function()
			local text = skynet.call(handle, "debug", "TASK", "init")
			return text and text:find "slow_start.lua"
		end)
		skynet.register_protocol { name = "text", id = 0, pack = function(x) return x end }
		skynet.send(handle, "text", "go")
		tap.until_true("the start's end", function() return s end)
		equal(skynet.call(s, "debug", "TASK", "init"), nil)
	end },

	-- ---- 3.11 ----
	{ "info_func answers INFO with its arguments, and can be taken away", function()
		skynet.info_func(function(...) return select("#", ...), ... end)
		local n, a = skynet.call(skynet.self(), "debug", "INFO", "x", nil)
		equal(n, 2)
		equal(a, "x")
		skynet.info_func(nil)
		equal(skynet.call(skynet.self(), "debug", "INFO"), nil)
	end },
}
