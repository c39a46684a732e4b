-- SPDX-License-Identifier: MIT
-- Functions that wait, where nothing can: they raise and leave nothing behind.
local skynet = require "skynet"
local harbor = require "skynet.harbor"
local inner = require "skynet.coroutine"
local queue = require "skynet.queue"
local socket = require "skynet.socket"
local channels = require "skynet.socketchannel"
local tap = require "tap"
require "skynet.manager"
local equal, raises = tap.equal, tap.raises

local tsan = os.getenv "HARBORD_TEST_TSAN" -- it holds signals back
local BOUNDARY <const> = "attempt to yield across a C-call boundary"

local mode = ...
if mode == "loop" then
	local ran = 0
	skynet.start(function()
		skynet.dispatch("lua", function(_, _, what)
			if what == "loop" then
				ran = ran + 1
				skynet.setenv(("loop_%x_%d"):format(skynet.self(), ran), "runs")
				local function forever()
					while true do end
				end
				local ways = {
					forever,
					coroutine.wrap(forever),
					function()
						assert(coroutine.resume(coroutine.create(forever)))
					end,
					inner.wrap(forever),
					inner.wrap(coroutine.wrap(forever)),
					function() table.sort({ 1, 2 },
						coroutine.wrap(forever)) end,
				}
				ways[ran]()
			end
			skynet.retpack(skynet.task())
		end)
	end)
	return
elseif mode == "mainchunk" then
	local ok, why = pcall(skynet.sleep, 1)
	skynet.start(function()
		skynet.dispatch("lua", function() skynet.retpack(ok, why) end)
	end)
	return
end

-- The places where nothing can wait.
local places = {
	gsub = function(f) return (string.gsub("x", "x", f)) end,
	sort = function(f) table.sort({ 1, 2 }, f) end,
	concat = function(f)
		table.concat(setmetatable({}, { __len = function() return 1 end, __index = f }))
	end,
	["tostring"] = function(f) return tostring(setmetatable({}, { __tostring = f })) end,
	hook = function(f)
		local done
		debug.sethook(function()
			debug.sethook()
			if not done then
				done = true
				f()
			end
		end, "l")
		local x = 1
		return x
	end,
	["a coroutine of skynet.coroutine in gsub"] = function(f)
		string.gsub("x", "x", function()
			local ok, why = inner.resume(inner.create(f))
			if not ok then
				error(why, 0)
			end
		end)
	end,
	["one in another in sort"] = function(f)
		table.sort({ 1, 2 }, function()
			inner.wrap(function()
				local ok, why = inner.resume(inner.create(f))
				if not ok then
					error(why, 0)
				end
			end)()
		end)
	end,
}

local callee

-- What waits. Each is called where it cannot.
local waits = {
	call = function() return skynet.call(callee, "lua", "slow", 3) end,
	rawcall = function() return skynet.rawcall(callee, "lua", skynet.packstring("slow", 3)) end,
	calltimeout = function() return skynet.calltimeout(1, callee, "lua", "slow", 3) end,
	sleep = function() return skynet.sleep(2) end,
	["sleep on a token"] = function() return skynet.sleep(2, "a token") end,
	yield = skynet.yield,
	wait = function() return skynet.wait() end,
	["wait on a token"] = function() return skynet.wait "a token" end,
	newservice = function() return skynet.newservice "callee" end,
	uniqueservice = function() return skynet.uniqueservice "callee" end,
	queryservice = function() return skynet.queryservice "never" end,
	["harbor.queryname"] = function() return harbor.queryname "NEVER" end,
	["harbor.register"] = function() return harbor.register "NEVER" end,
	["harbor.connect"] = function() return harbor.connect(3) end,
	checkwait = skynet.checkwait,
	["socket.open"] = function() return socket.open("127.0.0.1", 1) end,
	["socket.listen"] = function() return socket.listen("127.0.0.1", 0) end,
	["request"] = function() return skynet.request { callee, "lua", "slow", 3 }:select() end,
}

local function sorted(t)
	local list = {}
	for name in pairs(t) do
		list[#list + 1] = name
	end
	table.sort(list)
	return list
end

local function asked(s)
	return skynet.call(s, "lua", "eval", "return require 'skynet'.stat 'message'")
end

tap.run {
	{ "each raises what Lua says, in each place, and nothing is sent", function()
		callee = skynet.newservice "callee"
		local before = asked(callee)
		for _, place in ipairs(sorted(places)) do
			for _, name in ipairs(sorted(waits)) do
				local ok, why = pcall(places[place], waits[name])
				why = tostring(why)
				if ok or not why:find(BOUNDARY, 1, true) then
					error(("%s in %s: %s"):format(name, place, why))
				end
			end
		end
		equal(asked(callee), before + 1)
		equal(#skynet.call(".launcher", "lua", "LIST", 0) >= 0, true)
	end },
	{ "the text has no place in it, as the original's", function()
		equal(select(2, pcall(string.gsub, "x", "x", function() skynet.sleep(1) end)),
			BOUNDARY)
	end },
	{ "what was refused wakes nobody: calls get their answers, sleeps their time", function()
		for _, place in ipairs(sorted(places)) do
			for _, name in ipairs(sorted(waits)) do
				pcall(places[place], waits[name])
			end
			equal(skynet.call(callee, "lua", "slow", 5), 5)
			local t = skynet.now()
			equal(skynet.sleep(6), nil)
			local took = skynet.now() - t
			equal(took >= 5 and "slept" or took, "slept")
			equal(skynet.call(callee, "lua", "echo", place), place)
		end
		equal(skynet.wakeup "a token", nil)
	end },
	{ "an error of this kind that nobody catches ends its task and nothing else", function()
		local before, wrong = skynet.task(), {}
		for _ = 1, 4 do
			skynet.fork(function() string.gsub("x", "x",
				function() skynet.sleep(2) end) end)
			skynet.fork(function() string.gsub("x", "x", waits.call) end)
		end
		skynet.yield()
		local left = 8
		for i = 1, 8 do
			skynet.fork(function()
				local r = skynet.call(callee, "lua", "slow", 4 + i)
				wrong[#wrong + 1] = r ~= 4 + i and ("%d got %s"):format(i, r) or nil
				left = left - 1
			end)
		end
		tap.until_true("eight answers", function() return left == 0 end)
		equal(table.concat(wrong, ","), "")
		equal(skynet.task(), before)
	end },
	{ "sockets: what was refused to read, close or open is as it was", function()
		local lid, _, port = socket.listen("127.0.0.1", 0)
		local server
		socket.start(lid, function(id)
			socket.start(id)
			server = id
		end)
		local before = #socket.netstat()
		local fd = assert(socket.open("127.0.0.1", port))
		tap.until_true("the server's side", function() return server end)
		local open = #socket.netstat()
		for _, f in ipairs {
			function() return socket.read(fd, 3) end,
			function() return socket.read(fd) end,
			function() return socket.readline(fd) end,
			function() return socket.readall(fd) end,
			function() return socket.block(fd) end,
			function() return socket.pause(fd) end,
			function() return socket.close(fd) end,
			function() return socket.open("127.0.0.1", port) end,
			function() return socket.listen("127.0.0.1", 0) end,
		} do
			raises(BOUNDARY, string.gsub, "x", "x", f)
		end
		equal(#socket.netstat(), open)
		equal(open, before + 2)
		socket.write(server, "abc")
		equal(socket.read(fd, 3), "abc")
		socket.close(fd)
		socket.close(server)
		socket.close(lid)
	end },
	{ "socketchannel: a refused request is not sent", function()
		local lid, _, port = socket.listen("127.0.0.1", 0)
		socket.start(lid, function(id)
			socket.start(id)
			skynet.fork(function()
				for line in function() return socket.readline(id) end do
					socket.write(id, line .. "\n")
				end
				socket.close(id)
			end)
		end)
		local c = channels.channel { host = "127.0.0.1", port = port }
		local function ask(text)
			return c:request(text .. "\n",
				function(sock) return true, sock:readline() end)
		end
		raises(BOUNDARY, string.gsub, "x", "x", function() c:connect() end)
		equal(ask "one", "one")
		raises(BOUNDARY, string.gsub, "x", "x", function() ask "refused" end)
		raises(BOUNDARY, string.gsub, "x", "x", function() c:response(function() end) end)
		equal(ask "two", "two")
		c:close()
		socket.close(lid)
	end },
	{ "queue: who was refused does not get the section later", function()
		local section, free = queue(), {}
		skynet.fork(section, function() skynet.wait(free) end)
		skynet.yield()
		raises(BOUNDARY, string.gsub, "x", "x",
			function() section(error, "in the section") end)
		skynet.wakeup(free)
		equal(skynet.sleep(3), nil)
		local entered
		skynet.fork(section, function() entered = true end)
		skynet.yield()
		equal(entered, true)
	end },
	{ "require: who was refused is not woken by the module", function()
		local release = {}
		package.preload.slow_module = function()
			skynet.wait(release)
			return "the module"
		end
		skynet.fork(require, "slow_module")
		skynet.yield()
		raises(BOUNDARY, string.gsub, "x", "x", function() require "slow_module" end)
		skynet.wakeup(release)
		equal(skynet.sleep(3), nil)
		equal(require "slow_module", "the module")
	end },
	{ "in the main chunk nothing waits", function()
		local ok, why = skynet.call(skynet.newservice("test_waits", "mainchunk"), "lua")
		equal(ok, false)
		assert(why:find("must run in a task", 1, true), why)
	end },
	{ "a coroutine of skynet.coroutine waits again where it can", function()
		local co = inner.create(function()
			local refused = pcall(skynet.sleep, 1)
			inner.yield(refused)
			return skynet.call(callee, "lua", "echo", "later")
		end)
		local first
		string.gsub("x", "x", function() first = select(2, inner.resume(co)) end)
		equal(first, false)
		equal(select(2, inner.resume(co)), "later")
	end },
	{ "a blocked coroutine that somebody else resumes harms only itself", function()
		local co = inner.create(function() return skynet.call(callee, "lua", "slow", 3) end)
		local outcome
		skynet.fork(function() outcome = table.pack(inner.resume(co)) end)
		skynet.yield()
		equal(inner.status(co), "blocked")
		local ok, why = coroutine.resume(co)
		equal(ok, false)
		assert(tostring(why):find("was resumed by coroutine.resume", 1, true), why)
		co = nil
		collectgarbage()
		skynet.task {} -- looks at the stacks of all
		tap.until_true("the outcome", function() return outcome end)
		equal(outcome[1], false)
		equal(skynet.call(callee, "lua", "echo", 1), 1)
	end },
	{ "what closes a killed task answers for nobody", function()
		local s = skynet.newservice "callee"
		equal(skynet.call(s, "lua", "eval", [[
			local skynet = require "skynet"
			local me = coroutine.running()
			local co = skynet.fork(function()
				local c <close> = setmetatable({}, { __close = function()
					pcall(skynet.retpack, "a stranger's")
					pcall(skynet.sleep, 1)
				end })
				skynet.wait()
			end)
			skynet.yield()
			assert(skynet.killthread(co))
			return "its own"
		]]), "its own")
	end },
	{ "a task that is being closed is not killed again by what closes it", function()
		local co
		co = skynet.fork(function()
			local c <close> = setmetatable({}, { __close = function()
				coroutine.wrap(function()
					equal(skynet.killthread(co), nil)
					equal(skynet.killthread(tostring(co)), nil)
				end)()
			end })
			skynet.wait()
		end)
		skynet.yield()
		equal(skynet.killthread(co), co)
		skynet.yield()
		equal(skynet.killthread(co), nil)
		local before = skynet.task()
		for _ = 1, 10 do
			skynet.fork(skynet.sleep, 1)
		end
		equal(skynet.task(), before + 10)
		skynet.sleep(3)
		equal(skynet.task(), before)
	end },
	{ "a hook that a task leaves on itself does not meet the next one", function()
		local hits = 0
		skynet.fork(function() debug.sethook(function() hits = hits + 1 end, "l") end)
		skynet.yield()
		hits = 0
		for _ = 1, 100 do
			skynet.fork(function()
				local x = 1
				x = x + 1
				return x
			end)
		end
		skynet.yield()
		equal(hits, 0)
	end },
	{ "the second endless loop is broken like the first, and those in coroutines; the last one "
		.. "is killed", function()
		if tsan then return end
		local core = require "skynet.core"
		local s = skynet.newservice("test_waits", "loop")
		for i = 1, 6 do
			skynet.send(s, "lua", "loop")
			tap.until_true("the loop runs",
				function() return skynet.getenv(("loop_%x_%d"):format(s, i)) end)
			if i < 6 then
				core.command("SIGNAL", skynet.address(s) .. " 0")
				equal(skynet.calltimeout(1000, s, "lua"), 0)
			end
		end
		local gone
		skynet.fork(function() gone = select(2,
			pcall(skynet.calltimeout, 1000, s, "lua")) end)
		skynet.yield()
		skynet.kill(s)
		tap.until_true("its end", function() return gone end)
		assert(not tostring(gone):find("timeout", 1, true), gone)
	end },
}
