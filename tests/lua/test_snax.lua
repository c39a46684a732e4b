-- SPDX-License-Identifier: MIT
-- snax, row by row; over several nodes: tests/cluster/snax.
local skynet = require "skynet"
require "skynet.manager"
local snax = require "skynet.snax"
local interface = require "snax.interface"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local folder = SERVICE_PATH .. "snax/"

-- Reads a script that is a text.
local function read(source, G)
	return interface("text", G or {}, function(_, _, env)
		return assert(load(source, "=text", "t", env)), "here/?.lua"
	end)
end

local function ended(handle)
	return tap.until_true("its end",
		function() return not pcall(skynet.call, handle, "debug", "PING") end)
end

tap.run {
	{ "without the key `snax` scripts are looked for where services are", function()
		equal(skynet.getenv "snax", nil)
		raises(SERVICE_PATH .. "noscript.lua", snax.newservice, "noscript")
		skynet.setenv("snax", folder .. "nowhere/?.lua;" .. folder .. "?.lua")
	end },
	{ "methods have ids in the order of their definition", function()
		local methods, pattern = read [[
			function response.a() end
			function accept.b() end
			function hotfix() end
			function accept.a() end
			function response.c() end]]
		local rows = {}
		for i, m in ipairs(methods) do
			rows[i] = table.concat({ m[1], m[2], m[3], type(m[4]) }, " ")
		end
		equal(table.concat(rows, ","), "1 system init nil,2 system exit nil,"
			.. "3 system hotfix function,4 system profile nil,5 response a function,"
			.. "6 accept b function,7 accept a function,8 response c function")
		equal(pattern, "here/?.lua")
	end },
	{ "what a script must not do", function()
		raises("text:1: accept method only support string", read,
			"accept[1] = function() end")
		raises("response method only support string", read,
			"response[true] = function() end")
		raises("accept.x must be function", read, "accept.x = 1")
		raises("response.x must be function", read, "response.x = {}")
		raises("text:2: accept.x duplicate definition", read,
			"function accept.x() end\nfunction accept.x() end")
		raises("response.x duplicate definition", read,
			"function response.x() end function response.x() end")
		for _, name in ipairs { "init", "exit", "hotfix", "profile" } do
			raises(name .. " must be a function", read, name .. " = 1")
		end
		raises("function accept.NAME()", read, "accept = {}")
		raises("without metatable", read, "", setmetatable({}, {}))
		for _, name in ipairs { "init", "exit", "accept", "response" } do
			raises("has a global '" .. name .. "' already", read, "", { [name] = 1 })
		end
		raises("boom", read, "local x = 1\nerr('boom')", { err = error })
	end },
	{ "other globals are those of G, and its functions use G itself", function()
		local G = { set = 1 }
		local methods = read([[
			x = set + 1
			function response.f() y = accept return x, _ENV end
			local function inner() return function() return _ENV end end
			response.inner = inner()]], G)
		equal(G.x, 2)
		local x, env = methods[5][4]()
		equal(x, 2)
		equal(env, G)
		equal(methods[6][4](), G)
		equal(G.accept, nil)
		equal(G.y, nil)
		equal(next(G, nil) ~= nil and getmetatable(G), nil)
	end },
	{ "interface: ids by name, read once; a script that is nowhere names all places", function()
		local t = snax.interface "room"
		equal(t.name, "room")
		equal(t.accept.add, 5)
		equal(t.response.get, 8)
		equal(t.response.add, 14)
		equal(t.system.init * 1000 + t.system.exit * 100 + t.system.hotfix * 10
			+ t.system.profile, 1234)
		equal(snax.interface "room", t)
		local why = raises("nowhere/no_such.lua", snax.newservice, "no_such")
		assert(why:find("snax/no_such.lua", 1, true), why)
	end },
	{ "posts, requests, all results, re-entrance", function()
		local room = snax.newservice("room", 1, nil, { 2 })
		equal(room.type, "room")
		equal(tostring(room), ("[room:%x]"):format(room.handle))
		room.post.add(3)
		local got = table.pack(room.req.get())
		equal(got.n, 4)
		equal(got[1], 3)
		equal(got[3], "x")
		local a, b, c = room.req.args()
		equal(a, 1)
		equal(b, nil)
		equal(c[1], 2)
		local slow
		skynet.fork(function() slow = room.req.slow(3) end)
		skynet.yield()
		equal(room.req.add(2), 5)
		equal(slow, nil)
		tap.until_true("the slow one", function() return slow == 3 end)
		equal(room.req.own(), 5)
		raises("post room:nosuch no exist", function() room.post.nosuch() end)
		raises("request room:add2 no exist", function() room.req.add2() end)
		raises("post room:get no exist", function() room.post.get() end)
		snax.kill(room)
	end },
	{ "the message: type 11, the id, the arguments", function()
		local room = snax.newservice "room"
		equal(skynet.PTYPE_SNAX, 11)
		skynet.rawsend(room.handle, "snax", skynet.packstring(5, 40))
		equal(skynet.unpack(skynet.rawcall(room.handle, "snax", skynet.packstring(14, 2))),
			42)
		raises("has no method 99", skynet.call, room.handle, "snax", 99)
		raises("has no method x", skynet.call, room.handle, "snax", "x")
		snax.kill(room)
	end },
	{ "the service's world: its name, its folder, its globals", function()
		local room = snax.newservice "room"
		local greeting, name, path, word, clean, meta = room.req.world()
		equal(greeting, "hello")
		equal(name, "room")
		equal(path, folder .. "room/")
		equal(word, "of the folder")
		equal(clean, true)
		equal(meta, nil)
		snax.kill(room)
	end },
	{ "errors: a post's is logged, a request's is its caller's", function()
		local room = snax.newservice "room"
		local from = #tap.log()
		room.post.fail()
		tap.logged("in accept", from)
		raises("call failed", room.req.fail)
		equal(room.req.get(), 0)
		snax.kill(room)
	end },
	{ "init: once, before everything else; one that raises ends the service", function()
		local handle = skynet.newservice("snaxd", "room")
		raises("Init first", skynet.call, handle, "snax", 8)
		raises("Init first", skynet.call, handle, "snax", 2)
		raises("Init first", skynet.call, handle, "snax", 3, "")
		local ok
		skynet.fork(function() skynet.call(handle, "snax", 1) ok = true end)
		skynet.yield()
		raises("Init first", skynet.call, handle, "snax", 8)
		raises("Already init", skynet.call, handle, "snax", 1)
		tap.until_true("its init", function() return ok end)
		equal(skynet.call(handle, "snax", 8), 0)
		raises("Already init", skynet.call, handle, "snax", 1)
		snax.kill(snax.bind(handle, "room"))

		raises("call failed", snax.newservice, "room", "fail")
		local broken = skynet.newservice("snaxd", "room")
		raises("no room", skynet.call, broken, "snax", 1, "fail")
		ended(broken)
		raises("needs the name of a snax service", skynet.newservice, "snaxd")
	end },
	{ "rawnewservice returns the handle, bind the object: the same while somebody has "
		.. "it", function()
		local handle = snax.rawnewservice("room", "raw")
		equal(math.type(handle), "integer")
		local room = snax.bind(handle, "room")
		equal(room.req.args(), "raw")
		equal(snax.bind(handle, "room"), room)
		raises("is a snax service of type 'room', not 'twins'", snax.bind, handle, "twins")
		snax.kill(room)
	end },
	{ "kill and exit: exit(...) runs, then the service ends", function()
		local room = snax.newservice "room"
		raises("not yet", snax.kill, room, "refuse")
		equal(room.req.get(), 0)
		local from = #tap.log()
		snax.kill(room, "a", "b")
		tap.logged("room ends: a b", from)
		raises("call ", room.req.get)
		room = snax.newservice "room"
		room.req.leave("by itself")
		tap.logged("room ends: by itself", from)
		ended(room.handle)
		room = snax.newservice "twins"   -- it has no function of the kind
		snax.kill(room)
		ended(room.handle)
	end },
	{ "one a node, one in the network", function()
		local a = snax.uniqueservice("room", "unique")
		equal(snax.uniqueservice("room", "other"), a)
		equal(snax.queryservice "room", a)
		equal(a.req.args(), "unique")
		local b = snax.globalservice("room", "global")
		assert(a ~= b)
		equal(b.req.args(), "global")
		equal(snax.globalservice "room", b)
		equal(snax.queryglobal "room", b)
		local got
		skynet.fork(function() got = snax.queryservice "twins" end)
		skynet.sleep(1)
		equal(got, nil)
		local twins = snax.uniqueservice "twins"
		tap.until_true("the query", function() return got == twins end)
		local list = skynet.call(".service", "lua", "LIST")
		equal(list["snaxd.room"], skynet.address(a.handle))
		equal(list["@snaxd.room"], skynet.address(b.handle))
	end },
	{ "a unique one that fails to start fails for all", function()
		skynet.setenv("test_fails", folder)
		local handle, why = skynet.call(".service", "lua", "LAUNCH", "snaxd", "no_such")
		equal(handle, nil)
		assert(why:find("no_such.lua", 1, true), why)
	end },
	{ "hotfix: local variables without a value are the service's", function()
		local room = snax.newservice "room"
		room.post.add(7)
		equal(snax.hotfix(room, [[
			local i
			local fresh = 100
			local function double(n) i = i + n return i * 2 end
			function accept.add(n) i = i + fresh * n end
			function response.get() return "new", i, greeting end
			function response.slow(n) return double(n) end
			function hotfix(...)
				local before = i
				i = 1000
				return before, ...
			end]], "more"), 7)
		local word, i, greeting = room.req.get()
		equal(word, "new")
		equal(i, 1000)
		equal(greeting, "hello")
		room.post.add(1)
		equal(select(2, room.req.get()), 1100)
		equal(room.req.slow(1), 2202)
		-- an old function sees the same variable
		equal(select(2, room.req.helper()), 1101)
		equal(room.req.add(9), 1110)
		-- and again: the variables are still the old ones
		equal(snax.hotfix(room,
			[[local i, kept function response.get() return i, kept end]]), nil)
		equal(room.req.get(), 1110)
		snax.hotfix(room, [[function exit(...) x = ... end]])
		snax.kill(room, 1)
	end },
	{ "hotfix: what does not fit changes nothing", function()
		local room = snax.newservice "room"
		raises("Patch mismatch accept.nosuch", snax.hotfix, room,
			"function response.get() return 'bad' end function accept.nosuch() end")
		raises("Patch mismatch response.cluster", snax.hotfix, room,
			"function response.cluster() end")
		raises("room (hotfix):1:", snax.hotfix, room, "function response.get(")
		raises("boom", snax.hotfix, room,
			"function response.get() return 'bad' end error 'boom'")
		equal(room.req.get(), 0)
		raises("after all", snax.hotfix, room,
			"function response.get() return 'good' end "
			.. "function hotfix() error 'after all' end")
		equal(room.req.get(), "good")
		snax.kill(room)
	end },
	{ "hotfix: a name of two variables is ambiguous, if the patch uses it", function()
		local twins = snax.newservice "twins"
		equal(twins.req.a(), 1)
		raises("ambiguity local value n", snax.hotfix, twins,
			"local n function response.a() return n end")
		equal(twins.req.a(), 2)
		snax.hotfix(twins, "local b function response.a() return b() end")
		equal(twins.req.b(), 1)
		equal(twins.req.a(), 2)
		snax.kill(twins)
	end },
	{ "profile_info counts calls and the time that they ran", function()
		local room = snax.newservice "room"
		room.req.get()
		room.req.get()
		room.post.add(1)
		pcall(room.req.fail)
		room.req.slow(10)
		local info = snax.profile_info(room)
		equal(info.get.count, 2)
		equal(info.add.count, 1)
		equal(info.fail.count, 1)
		equal(info.init.count, 1)
		assert(info.slow.time < 0.09, info.slow.time)
		equal(math.type(info.get.time), "float")
		snax.kill(room)
	end },
	{ "enablecluster: LUA messages reach the methods", function()
		raises("belongs into a snax service", snax.enablecluster)
		local room = snax.newservice "room"
		room.post.cluster()
		equal(skynet.call(room.handle, "lua", 14, 4), 4)
		snax.kill(room)
	end },
	{ "printf", function()
		local from = #tap.log()
		snax.printf("printed %d %s", 7, "times")
		tap.logged("printed 7 times", from)
	end },
	{ "snax_loader finds scripts in a way of its own, snax_interface_g is what callers "
		.. "see", function()
		skynet.setenv("snax_loader", folder .. "loader.lua")
		local odd = skynet.newservice("snaxd", "generated")
		skynet.call(odd, "snax", 1)
		equal(skynet.call(odd, "snax", 5), "generated by its loader")
		equal(skynet.newservice("callee") ~= nil, true)
		skynet.setenv("snax_interface_g", "snax_globals")
		local caller = skynet.newservice "callee"
		equal(skynet.call(caller, "lua", "eval", [[
			return require "skynet.snax".interface "needy".response.f]]), 5)
	end },
}
