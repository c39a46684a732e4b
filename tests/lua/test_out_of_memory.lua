-- SPDX-License-Identifier: MIT
-- A service whose memory ends, at every possible place: whoever asked it gets an error, and the
-- node lives.
local skynet = require "skynet"
local socket = require "skynet.socket"
require "skynet.manager"

local mode, arg1, arg2 = ...

if mode == "victim" then
	local failalloc = require "failalloc"
	local hostcheck = require "hostcheck"
	local at, where = math.tointeger(arg1), arg2
	if where == "birth" then
		failalloc.arm(at)
	end
	local queue = require "skynet.queue"
	local inner = require "skynet.coroutine"
	local socket = require "skynet.socket"

	local kept, stream
	local work = {}

	function work.echo(...) return ... end
	function work.strings() return ("x"):rep(100):gsub("x", "%0%0"):sub(1, 3) end
	function work.error() error { "an object" } end
	function work.text() error("a text of this very place " .. skynet.now()) end
	function work.fork()
		local done
		local me = {}
		skynet.fork(function(...) done = select("#", ...) skynet.wakeup(me) end, 1, 2, 3)
		skynet.sleep(2, me)
		return done
	end
	function work.timeout()
		local me = {}
		skynet.timeout(0, function() skynet.wakeup(me) end)
		skynet.timer(1, print):cancel()
		skynet.sleep(2, me)
	end
	function work.tokens()
		for i = 1, 3 do
			skynet.fork(function() skynet.sleep(0, "token" .. i) end)
		end
		skynet.yield()
		skynet.wakeup "token1"
	end
	function work.call(peer) return skynet.call(peer, "lua", { 1, 2, { x = "y" } }) end
	function work.deadline(peer) return skynet.calltimeout(100, peer, "lua", "z") end
	function work.response()
		kept = skynet.response()
		kept(true, "kept")
	end
	function work.stream() return socket.read(stream, 5) end
	function work.section()
		local section = queue()
		skynet.fork(section, skynet.yield)
		skynet.yield()
		return section(function() return "inside" end)
	end
	function work.coroutines()
		local co = inner.wrap(function(...)
			skynet.yield()
			inner.yield(...)
			return "end"
		end)
		co(1)
		return co()
	end
	function work.kill()
		local co = skynet.fork(function()
			local c <close> = setmetatable({},
				{ __close = function() local _ = { {} } end })
			skynet.wait()
		end)
		skynet.yield()
		skynet.killthread(co)
	end
	function work.stall()
		skynet.fork(coroutine.yield, "what")
		skynet.yield()
	end
	function work.module()
		package.loaded.eater_module = nil
		package.preload.eater_module = function() skynet.yield() return { {} } end
		return type(require "eater_module")
	end

	skynet.start(function()
		skynet.dispatch("lua", function(_, _, what, name, n, ...)
			if what == "work" then
				failalloc.arm(n)
				skynet.retpack("done", work[name](...))
			elseif what == "listen" then
				local lid, _, port = socket.listen("127.0.0.1", 0)
				socket.start(lid, function(id)
					socket.start(id)
					stream = id
				end)
				skynet.retpack(port)
			elseif what == "arm" then
				skynet.retpack()
				failalloc.arm(n)
			else
				local passes = failalloc.passes()
				skynet.retpack(passes, hostcheck.check(), work.echo(name))
			end
		end)
	end)
	return
elseif mode == "peer" then
	skynet.start(function()
		skynet.dispatch("lua", function(_, _, ...) skynet.retpack(...) end)
	end)
	return
end

local WORK <const> = { "call", "coroutines", "deadline", "echo", "error", "fork", "kill", "module",
	"response",
	"section", "stall", "strings", "text", "timeout", "tokens" }
local MOST <const> = 400 -- places of one kind of work

local peer, failures, places, failed = nil, {}, 0, 0

local function fail(fmt, ...)
	failures[#failures + 1] = fmt:format(...)
end

-- f in a task of its own; false after a while.
local function in_time(f, ...)
	local result
	local token = {}
	skynet.fork(function(...)
		result = table.pack(pcall(f, ...))
		skynet.wakeup(token)
	end, ...)
	for _ = 1, 20 do
		if not result then
			skynet.sleep(100, token)
		end
	end
	return result
end

-- What the victim says when all is over; nil, after a report, if it does not answer.
local function examine(victim, where)
	local r
	for _ = 1, 4 do -- the failures may be still to come
		r = in_time(skynet.call, victim, "lua", "how are you", "fine")
		if not r or r[1] or not tostring(r[2]):find("not enough memory", 1, true) then
			break
		end
	end
	if not r then
		fail("%s: it answers no more", where)
	elseif not r[1] then
		fail("%s: then it failed: %s", where, r[2])
	elseif r[3] or r[4] ~= "fine" then
		fail("%s: %s", where, tostring(r[3]))
	else
		return r[2]
	end
end

local function outcome(where, r)
	places = places + 1
	if not r then
		fail("%s: no outcome", where)
	elseif not r[1] and tostring(r[2]):find("not enough memory", 1, true) then
		failed = failed + 1
	end
end

-- One kind of work, with the n-th allocation failing. Returns how many it made.
local function work(name, n)
	local victim = skynet.newservice("test_out_of_memory", "victim")
	local where = ("%s, allocation %d"):format(name, n)
	outcome(where, in_time(skynet.call, victim, "lua", "work", name, n, peer))
	local passes = examine(victim, where)
	skynet.kill(victim)
	return passes
end

-- The failure meets a byte stream: what is read is all of it, or its end.
local function stream(n)
	local victim = skynet.newservice("test_out_of_memory", "victim")
	local where = ("stream, allocation %d"):format(n)
	local fd = socket.open("127.0.0.1", skynet.call(victim, "lua", "listen"))
	skynet.timeout(2, function() socket.write(fd, "12345") end)
	skynet.sleep(1)
	local r = in_time(skynet.call, victim, "lua", "work", "stream", n)
	outcome(where, r)
	if r and r[1] and r[3] and r[3] ~= "12345" then
		fail("%s: read %s", where, tostring(r[3]))
	end
	local passes = examine(victim, where)
	skynet.kill(victim)
	socket.close(fd)
	return passes
end

-- The failure meets what stands before the handler: the coroutine, the arguments.
local function request(n)
	local victim = skynet.newservice("test_out_of_memory", "victim")
	local where = ("request, allocation %d"):format(n)
	skynet.call(victim, "lua", "arm", nil, n)
	outcome(where, in_time(skynet.call, victim, "lua", "none", { 1, { 2 }, ("x"):rep(100) }))
	local waiting = {}
	for i = 1, 3 do
		waiting[i] = in_time(skynet.call, victim, "lua", "none", { i })
	end
	local passes = examine(victim, where)
	skynet.kill(victim)
	return passes
end

-- And its birth, main chunk and start function.
local function birth(n)
	local where = ("birth, allocation %d"):format(n)
	local r = in_time(skynet.newservice, "test_out_of_memory", "victim", n, "birth")
	outcome(where, r)
	if r and r[1] and r[2] then
		local passes = examine(r[2], where)
		skynet.kill(r[2])
		return passes
	end
end

local function sweep(what, f)
	local n, last = 1, MOST
	while n <= last do
		local passes = f(n)
		if passes and passes < n then
			break
		end
		if #failures > 10 then
			break
		end
		n = n + 1
	end
	print(("# %s: %d"):format(what, n))
end

skynet.start(function()
	peer = skynet.newservice("test_out_of_memory", "peer")
	for _, name in ipairs(WORK) do
		sweep(name, function(n) return work(name, n) end)
	end
	sweep("request", request)
	sweep("stream", stream)
	sweep("birth", birth)
	for i = 1, math.min(#failures, 20) do
		print("# " .. failures[i])
	end
	print(("%s 1 - %d places, and the memory ends at each"):format(#failures == 0 and "ok"
		or "not ok", places))
	print(("%s 2 - who asked was told so (%d times)"):format(failed > places // 10 and "ok"
		or "not ok", failed))
	print "1..2"
	io.stdout:flush()
	skynet.abort()
end)
