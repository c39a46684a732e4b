-- SPDX-License-Identifier: MIT
-- What an error says to who wrote the program: what is wrong, where, and what to do about it.
local skynet = require "skynet"
local core = require "skynet.core"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local HERE <const> = "test_error_texts.lua:"

-- f raises a text that begins with the line of this file at which it is called, and then is `text`.
local function raises_here(text, f)
	local why = raises(HERE, f)
	local rest = why:match(HERE:gsub("%p", "%%%0") .. "%d+: (.*)$")
	equal(rest, text)
end

-- What the first `depth` of nested tables hold.
local function nested(depth)
	local t = {}
	for _ = 2, depth do
		t = { inner = t }
	end
	return t
end

tap.run {
	{ "what cannot be packed is named by its keys", function()
		local function refuses(where, ...)
			local args = table.pack(...)
			raises_here(("Unsupport type function to serialize (%s)"):format(where),
				function()
				skynet.send(skynet.self(), "lua", table.unpack(args, 1, args.n))
			end)
		end
		refuses("argument 3", print)
		refuses("argument 5", 1, nil, print)
		refuses("argument 3, field pos.cb", { pos = { cb = print } })
		refuses("argument 4, field list[3].cb", "set",
			{ list = { {}, {}, { cb = print } } })
		refuses("argument 3, field [2]", { 1, print })
		refuses('argument 3, field ["two words"][-1].x',
			{ ["two words"] = { [-1] = { x = print } } })
		refuses("argument 3, field [1.5][true]", { [1.5] = { [true] = print } })
		refuses("argument 3, a key of it", { [print] = 1 })
		refuses("argument 3, a key of a.b", { a = { b = { [print] = 1 } } })
		refuses("argument 3, field a", { a = print, [1] = { {}, {} } })
		raises_here("Unsupport type thread to serialize (argument 1, field [1])", function()
			skynet.pack { coroutine.running() }
		end)
	end },
	{ "the way to what cannot be packed is bounded, and needs no __pairs", function()
		local deep = { [("k"):rep(1000)] = print }
		for _ = 1, 30 do
			deep = { [("long"):rep(15)] = deep }
		end
		local why = raises("Unsupport type function to serialize (argument 1, field long",
			skynet.pack, deep)
		assert(#why < 400, why)
		local t = setmetatable({}, { __pairs = function() return next, { x = print } end })
		raises("Unsupport type function to serialize", skynet.pack, t)
		raises("Unsupport type function to serialize (argument 2, field y)", skynet.pack,
			{}, { y = print })
		-- each entry is looked at once: twice in each of 30 lists would take minutes
		local lists = {}
		for _ = 1, 30 do lists = { lists } end
		raises("Unsupport type function to serialize (argument 2)", skynet.pack, lists,
			print)
	end },
	{ "tables that are too deep are named, and so is one that holds itself", function()
		raises_here("serialize can't pack too depth table "
			.. "(argument 2, field inner.inner.inner.inner...)",
			function() skynet.pack(1, nested(34)) end)
		skynet.trash(skynet.pack(nested(32)))
		local t = { a = { b = {} } }
		t.a.b.back = t.a
		raises_here("serialize can't pack too depth table "
			.. "(argument 1, field a.b.back is a table that it is in)",
			function() skynet.pack(t) end)
	end },
	{ "an answer that cannot be packed is named to the caller", function()
		local s = skynet.newservice "callee"
		raises("(argument 1, field hero.update)", skynet.call, s, "lua", "eval",
			"require'skynet'.retpack { hero = { update = print } }")
	end },

	{ "an address of more than 32 bits is no handle", function()
		local me = skynet.self()
		for _, far in ipairs { 1 << 32 | me, 1 << 32, -(1 << 31) - 1, math.mininteger,
			math.maxinteger } do
			local function names(arg, what, f)
				raises_here(("bad argument #%d to '%s' (service address %d, "
					.. "a handle has 32 bits)"):format(arg, what, far), f)
			end
			names(1, "send", function() skynet.send(far, "lua") end)
			names(1, "call", function() skynet.call(far, "lua") end)
			names(2, "calltimeout", function() skynet.calltimeout(1, far, "lua") end)
			names(1, "rawsend", function() skynet.rawsend(far, "lua", "") end)
			names(1, "redirect", function() skynet.redirect(far, 0, "lua", 0) end)
			names(2, "redirect", function() skynet.redirect(me, far, "lua", 0) end)
			names(1, "kill", function() skynet.kill(far) end)
			names(1, "term", function() skynet.term(far) end)
			names(2, "name", function() skynet.name(".far", far) end)
			names(1, "send", function() core.send(far, 10, 0, "") end)
			raises("a handle has 32 bits", require "skynet.cluster.core".packrequest,
				far, 1, "")
		end
		raises_here("Invalid service address 0", function() skynet.send(0, "lua") end)
		-- the bits of one, kept as a signed number
		raises("call failed: no such node", skynet.call, -(1 << 31) + 5, "lua")
	end },
	{ "an error that is a table is shown by its fields", function()
		local s, from = skynet.newservice "callee", #tap.log()
		raises('call failed: error in callee: {code=3, msg="no gold"}', skynet.call, s,
			"lua", "eval",
			'error { code = 3, msg = "no gold" }')
		tap.logged('error : \27[31m{code=3, msg="no gold"}\nstack traceback:', from)
		raises("error in callee: told", skynet.call, s, "lua", "eval",
			"error(setmetatable({ code = 3 }, "
			.. "{ __tostring = function() return 'told' end }))")
		from = #tap.log()
		skynet.fork(error, { 1, 2, why = { "deep" } })
		tap.logged('{1, 2, why={"deep"}}', from)
	end },
	{ "also when a service fails to start, or to load", function()
		local from = #tap.log()
		raises("error in callee: {code=4}", skynet.newservice, "callee_fails", "start")
		tap.logged("init service failed: {code=4}", from)
		raises("error in callee: {code=5}", skynet.newservice, "callee_fails", "load")
		tap.logged("lua loader error : {code=5}", from)
	end },
	{ "values in errors: what is shown, and how much of it at most", function()
		local function shows(text, value) equal(core.shown(value), text) end
		shows("plain text", "plain text")
		shows("nil", nil)
		shows("{}", {})
		shows('{"a", true, 1.5}', { "a", true, 1.5 })
		shows('{1, 2, x=3, [10]=4}', { 1, 2, [10] = 4, x = 3 })
		shows('{["not a name"]="a\\"b\\\\c\\n\\x01\\x00"}',
			{ ["not a name"] = 'a"b\\c\n\1\0' })
		shows('{[false]=1}', { [false] = 1 })
		shows("{a={b={c={...}}}}", { a = { b = { c = { d = 1 } } } })
		shows("{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, ...}",
			{ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18 })
		shows(('{"%s"...}'):format(("x"):rep(200)), { ("x"):rep(100000) })
		local t = {}
		t.t = t
		shows("{t={t={t={...}}}}", t)
		local named = setmetatable({}, { __name = "hero" })
		assert(core.shown(named):find "^hero: ", core.shown(named))
		shows("{h=told}", { h = setmetatable({},
			{ __tostring = function() return "told" end }) })
		local wide = {}
		for i = 1, 1000 do
			wide["key" .. i] = { ("y"):rep(150) }
		end
		local text = core.shown(wide)
		assert(#text <= 1003 and text:find "%.%.%.$", text)
		local most = { ("x"):rep(200), ("x"):rep(200), ("x"):rep(200), ("x"):rep(200),
			("x"):rep(180) }
		text = '{"' .. table.concat(most, '", "') .. '"}'
		equal(#text, 1000) -- that fits, one byte more does not
		shows(text, most)
		most[5] = most[5] .. "x"
		shows('{"' .. table.concat(most, '", "') .. '"...', most)
		raises("no", core.shown, { setmetatable({},
			{ __tostring = function() error "no" end }) })
	end },

	{ "what is not a function is refused where it is given", function()
		local object = setmetatable({}, { __call = function() end })
		raises_here("bad argument #1 to 'fork' (function expected, got nil)",
			function() skynet.fork(nil) end)
		raises_here("bad argument #1 to 'fork' (function expected, got no value)",
			function() skynet.fork() end)
		raises_here("bad argument #2 to 'timeout' (function expected, got number)",
			function() skynet.timeout("10", 5) end)
		raises_here("bad argument #2 to 'timer' (function expected, got no value)",
			function() skynet.timer(1) end)
		raises_here("bad argument #2 to 'dispatch' (function expected, got table)",
			function() skynet.dispatch("lua", {}) end)
		raises_here("bad argument #1 to 'start' (function expected, got nil)",
			function() skynet.start(nil) end)
		raises_here("bad argument #1 to 'init' (function expected, got string)",
			function() skynet.init "x" end)
		raises_here("bad argument #1 to 'info_func' (function expected, got number)",
			function() skynet.info_func(1) end)
		raises_here("bad argument #1 to 'dispatch_unknown_request' "
			.. "(function expected, got string)",
			function() skynet.dispatch_unknown_request "x" end)
		raises_here("bad argument #2 to 'filter' (function expected, got no value)",
			function() skynet.filter(print) end)
		raises_here("bad argument #2 to 'forward_type' (function expected, got no value)",
			function() skynet.forward_type {} end)
		skynet.fork(object)
		skynet.timeout(0, object)
		skynet.yield()
	end },
	{ "a protocol with wrong fields is refused, and does not exist afterwards", function()
		for _, key in ipairs { "pack", "unpack", "dispatch" } do
			raises_here(("bad argument #1 to 'register_protocol' "
				.. "(field '%s' of protocol odd: function expected, got number)")
				:format(key), function() skynet.register_protocol { name = "odd",
					id = 90, [key] = 5 } end)
		end
		raises("protocol odd is not registered", skynet.dispatch, "odd", print)
		skynet.register_protocol { name = "odd", id = 90, pack = skynet.pack,
			unpack = skynet.unpack }
	end },
	{ "words of a new service are refused where they are given", function()
		raises_here("bad argument #3 to 'newservice' "
			.. "(a service takes words: string or number expected, got table)",
			function() skynet.newservice("callee", 1, {}) end)
		raises_here("bad argument #2 to 'uniqueservice' "
			.. "(a service takes words: string or number expected, got boolean)",
			function() skynet.uniqueservice("callee", true) end)
	end },

	{ "a function of skynet.manager says so, and is nil for those who ask", function()
		local s = skynet.newservice "callee"
		equal(skynet.call(s, "lua", "eval", "return require'skynet'.register == nil"), true)
		raises("nil value (field 'register'); "
			.. 'skynet.register needs require "skynet.manager"',
			skynet.call, s, "lua", "eval", "require'skynet'.register '.x'")
		local from = #tap.log()
		raises([[(field 'kill'); skynet.kill needs require "skynet.manager"]],
			skynet.newservice, "callee_fails", "manager")
		tap.logged([[skynet.kill needs require "skynet.manager"]], from)
	end },
	{ "a misspelt field of skynet is told the right one", function()
		local s = skynet.newservice "callee"
		local function fails(source, text)
			return raises(text, skynet.call, s, "lua", "eval", source)
		end
		fails("require'skynet'.cal(1)", "(field 'cal'); did you mean skynet.call?")
		fails("require'skynet':sned(1)", "(method 'sned'); did you mean skynet.send?")
		fails("require'skynet'.regsiter(1)",
			[[did you mean skynet.register, with require "skynet.manager"?]])
		fails("return require'skynet'.socket.open(1)",
			[[skynet.socket needs require "skynet.socket"]])
		fails("skynet.call(1)",
			[[(global 'skynet'); the file needs: local skynet = require "skynet"]])
		fails("socket.open(1)",
			"(global 'socket'); the file needs: "
			.. 'local socket = require "skynet.socket"')
		for _, source in ipairs {
			"require'skynet'.teleport(1)", "hero.move(1)",
				"local t = { } t.register(1)",
			"local x = require'skynet'.register\nlocal t = {} t.register(1)",
		} do
			local why = fails(source, "attempt to ")
			assert(not why:find("; ", 1, true), why)
		end
	end },
	{ "a misspelt service is told what there is, and where it was looked for", function()
		local why = raises("error in callee: no Lua service 'calee'; "
			.. "did you mean 'callee'?", skynet.newservice, "calee")
		assert(why:find "\ncannot open %S+/calee%.lua", why)
		why = raises("no Lua service 'lanucher'; did you mean 'launcher'?",
			skynet.uniqueservice, "lanucher")
		assert(not why:find("service_mgr.lua", 1, true), why)
		why = raises("no Lua service 'nothing_like_it'\ncannot open", skynet.newservice,
			"nothing_like_it")
		assert(not why:find "did you mean", why)
	end },
	{ "a misspelt module is told what there is", function()
		raises("\n\tdid you mean 'skynet.socket'?", require, "skynet.sokcet")
		raises("\n\tdid you mean 'skynet.netpack'?", require, "skynet.netpak")
		raises("\n\tdid you mean 'tap'?", require, "tapp")
		local why = raises("module 'nothing.like.it' not found:", require,
			"nothing.like.it")
		assert(not why:find "did you mean", why)
		why = raises("did you mean 'skynet.queue'?", skynet.newservice, "callee_fails",
			"module")
		local _, stacks = why:gsub("stack traceback:", "")
		equal(stacks, 1)
	end },
	{ "a module that fails can be required again, by those who waited for it too", function()
		local s = skynet.newservice "callee"
		local code = [[
			local skynet = require "skynet"
			local tries, results = 0, {}
			package.preload.slow_and_bad = function()
				tries = tries + 1
				skynet.sleep(1)
				error { code = tries }
			end
			for i = 1, 2 do
				skynet.fork(function()
					local ok, why = pcall(require, "slow_and_bad")
					results[#results + 1] = type(why) == "table" and why.code
						or why:match "require slow_and_bad failed"
				end)
			end
			while #results < 2 do skynet.sleep(1) end
			local _, why = pcall(require, "slow_and_bad")
			return results[1], results[2], why.code]]
		equal(table.concat({ skynet.call(s, "lua", "eval", code) }, ","),
			"1,require slow_and_bad failed,2")
	end },

	{ "want of memory tells the limit, what is in use, what was wanted, and where", function()
		local s, from = skynet.newservice "eater", #tap.log()
		local NUMBERS <const> = "memory limit 4 MiB reached "
			.. "%(in use [34][.%d]* MiB, wanted [%d.]+ %a+%)"
		local why = raises("call failed: error in callee: not enough memory; ", skynet.call,
			s, "lua")
		assert(why:find(NUMBERS), why)
		tap.logged("lua memory error : ", from)
		tap.logged("eater.lua:27: in ", from)
		local log = tap.log():sub(from + 1)
		assert(log:find(("%%[:%08x%%] %s\n"):format(s, NUMBERS)), log)
		assert(log:find(("lua memory error : %%[%x to :%x : %%d+%%] %s\nstack traceback:")
			:format(skynet.self(), s, NUMBERS)), log)
		equal(skynet.call(s, "lua", "small"), "fine")
	end },
	{ "a service that catches its want of memory is logged with it all the same", function()
		local from = #tap.log()
		local s = skynet.newservice("eater", "catches")
		equal(skynet.call(s, "lua", "caught"), "not enough memory")
		tap.logged("wanted 4 MiB)", from)
		for _, what in ipairs { "load", "start" } do
			raises("not enough memory; memory limit 4 MiB reached (in use ",
				skynet.newservice, "eater", what)
		end
	end },

	{ "a C library that does not load: the file and why, then what to do", function()
		raises("stale.so: undefined symbol: lua_nosuchfunction\n"
			.. "\tit was built for another version of Lua: ",
			require, "stale")
		local dir = skynet.getenv "logpath"
		local f = assert(io.open(dir .. "/notelf.so", "w"))
		f:write(("no library "):rep(100)):close()
		package.cpath = dir .. "/?.so;" .. package.cpath
		raises("notelf.so: invalid ELF header\n\tit is no shared library", require,
			"notelf")
		local from = #tap.log()
		equal(skynet.launch("nosuchservice"), nil)
		tap.logged("try open nosuchservice failed : ", from)
		tap.logged("\nthere is no C service of that name along ", from)
	end },
	{ "the files that were looked at are told within bounds", function()
		local path = package.path
		package.path = ("./nowhere/?.lua;"):rep(30) .. path
		local why = raises("\n\t... and ", require, "not.there")
		package.path = path
		assert(why:find "\n\t%.%.%. and %d+ more files\n", why)
		local _, tried = why:gsub("no file '%./nowhere", "")
		equal(tried, 8)
	end },

	{ "mistakes with requests say what is the matter", function()
		local s, from = skynet.newservice "callee", #tap.log()
		raises("protocol lau is not registered; did you mean lua?", skynet.call, s, "lau")
		raises("protocol teleport is not registered in this service "
			.. "(skynet.register_protocol)",
			skynet.send, s, "teleport")
		skynet.register_protocol { name = "shout", id = 91, pack = skynet.packstring }
		raises("it has no protocol with the id 91 (skynet.register_protocol)", skynet.call,
			s, "shout")
		raises("it has no dispatch function for protocol shout (skynet.dispatch)",
			skynet.call, skynet.self(), "shout")
		skynet.send(skynet.self(), "shout", "x")
		tap.logged("; it has no dispatch function for protocol shout (skynet.dispatch)",
			from)
		raises("the callee did not answer: its handler ended without skynet.ret",
			skynet.call, s, "lua", "forget")
		raises_here("No session: what runs here serves no request; "
			.. "skynet.response keeps one for later",
			function() skynet.retpack(1) end)
		skynet.send(s, "lua", "eval",
			"local skynet = require 'skynet' skynet.retpack() skynet.retpack()")
		tap.logged("No session: the request has been answered, or handed on, already", from)
		raises_here("assertion failed! Invalid global name a name: "
			.. "1 to 63 bytes, no number, no ':' in front",
			function() skynet.register "a name" end)
	end },
	{ "mistakes with sockets are told at the line that made them", function()
		local socket = require "skynet.socket"
		for _, name in ipairs { "start", "pause", "bind" } do
			raises_here(("bad argument #1 to '%s' "
				.. "(the id of a socket expected, got nil)"):format(name),
				function() socket[name](nil) end)
		end
		for _, name in ipairs { "open", "listen" } do
			raises_here(("bad argument #1 to '%s' "
				.. "(the address of a host expected, got nil)"):format(name),
				function() socket[name](nil, 80) end)
			raises_here("Invalid address here.", function() socket[name]("here") end)
		end
		for _, name in ipairs { "read", "readline", "readall", "limit", "warning" } do
			raises_here("assertion failed! no socket nil is open in this service",
				function() socket[name](nil) end)
			raises_here("assertion failed! no socket 99999 is open in this service",
				function() socket[name](99999) end)
		end
		local id, _, port = socket.listen("127.0.0.1", 0)
		raises("Listen error (", function() socket.listen("127.0.0.1", port) end)
		raises(HERE, function() socket.listen("127.0.0.1", port) end)
		socket.start(id, function() end)
		raises_here("socket is not closed", function() socket.start(id) end)
		equal(socket.close(nil), nil)
		socket.close(id)
	end },

	{ "what sproto cannot encode is named by the way to it", function()
		local sp = require "sproto".parse [[
			.Point { x 0 : integer  tags 1 : *string }
			.Unit { name 0 : string  at 1 : Point  path 2 : *Point }
			.World { units 0 : *Unit  byname 1 : *Unit(name) } ]]
		local function refuses(text, value)
			equal(raises(text, sp.encode, sp, "World", value):match ": (.*)", text)
		end
		refuses("Point.x[0] is not an integer (Is a string) at units[2].at.x",
			{ units = { {}, { at = { x = "here" } } } })
		refuses("Point.tags[2] is not a string (Is a number) at units[1].path[3].tags",
			{ units = { { path = { {}, {}, { tags = { "a", 1 } } } } } })
		refuses("Unit.at[0] is not a table (Is a number) at units[1].at",
			{ units = { { at = 1 } } })
		refuses("Unit.path(1) should be a table or an userdata with metamethods "
			.. "(Is a boolean) at byname[...].path",
			{ byname = { hero = { name = "hero", path = true } } })
		refuses("World.units[1] is not a table (Is a number)", { units = { 1 } })
	end },
}
