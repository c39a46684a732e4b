-- SPDX-License-Identifier: MIT
-- The debugger without a console: channels, and what stops where. How it looks on a console is in
-- cluster/debug_console.
local skynet = require "skynet"
local debugchannel = require "skynet.debugchannel"
local socket = require "skynet.socket"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

if ... == "patient" then
	local co = require "skynet.coroutine"
	local command = {}
	function command.plain()
		local c = coroutine.wrap(function()
			local x = 1
			return x
		end)
		return c()
	end
	function command.sort()
		local t = { 3, 1, 2 }
		table.sort(t, function(a, b)
			return a < b
		end)
		return t[1]
	end
	function command.inner()
		local c = co.wrap(function(n)
			local m = n + 1
			skynet.sleep(1)
			return m
		end)
		local got = c(1)
		return got
	end
	function command.fail()
		local why = "as it should"
		error(why)
	end
	function command.sleep()
		local token = skynet.sleep(1)
		return token
	end
	skynet.start(function()
		skynet.dispatch("lua", function(_, _, name)
			skynet.retpack(command[name]())
		end)
	end)
	return
end

-- A debugger on a service: its screen is a socket of ours.
local function attach(service)
	local listener, _, port = socket.listen("127.0.0.1", 0)
	local there
	socket.start(listener, function(id)
		socket.start(id)
		there = id
	end)
	local screen = assert(socket.open("127.0.0.1", port))
	tap.until_true("the other end", function() return there end)
	local channel, id = debugchannel.create()
	local self = { ended = nil }
	skynet.fork(function()
		self.ok, self.why = pcall(skynet.call, service, "debug", "REMOTEDEBUG", there, id)
		self.ended = true
	end)
	-- Reads up to the next prompt; gives what was shown, and the line of the file, or nil.
	function self.prompt()
		local text = assert(socket.readline(screen, ">"))
		local shown, line = text:match "^(.-)[^\n]*%((%d+)%)$"
		return shown or text:match "^(.-):%x+$", tonumber(line)
	end
	function self.say(line)
		assert(channel:write(line))
		return self.prompt()
	end
	function self.leave()
		channel:write "cont"
		tap.until_true("the end", function() return self.ended end)
		channel:close()
		socket.close(screen)
		socket.close(there)
		socket.close(listener)
	end
	function self.drop()
		channel:close()
	end
	self.prompt()
	return self
end

local function line_of(text)
	local n = 0
	for line in io.lines(SERVICE_PATH .. "test_remotedebug.lua") do
		n = n + 1
		if line:find(text, 1, true) then
			return n
		end
	end
end

-- A request to the service in a task of its own: .done, .ok, .value
local function ask(service, name)
	local r = {}
	skynet.fork(function()
		r.ok, r.value = pcall(skynet.call, service, "lua", name)
		r.done = true
	end)
	return r
end

local function finished(r)
	tap.until_true("the answer", function() return r.done end)
	return r.ok, r.value
end

-- Steps with `how` until the line, and never to another.
local function step_to(d, how, wanted, never)
	for _ = 1, 50 do
		local _, line = d.say(how)
		if line == wanted then
			return
		end
		assert(line, "the request ended before line " .. wanted)
		assert(line ~= never, "stopped where nobody can")
	end
	error("line " .. wanted .. " does not come")
end

tap.run {
	{ "channels: texts in order, empty ones too, then silence", function()
		local a, id = debugchannel.create()
		local b = debugchannel.connect(id)
		equal(b:read(), false)
		for _, text in ipairs { "one", "", "a\0b" } do equal(a:write(text), true) end
		equal(b:read(), "one")
		equal(b:read(), "")
		equal(b:read(), "a\0b")
		equal(b:read(), false)
		equal(a:read(), false)
	end },
	{ "channels: what was written before the end is read; then nil", function()
		local a, id = debugchannel.create()
		local b = debugchannel.connect(id)
		a:write "last"
		a:close()
		a:close()
		equal(b:read(), "last")
		equal(b:read(), nil)
		equal(b:write "x", false)
		raises("the channel is closed", a.write, a, "x")
		b = nil
		collectgarbage()
	end },
	{ "channels: an id is used once; strangers get nothing", function()
		local a, id = debugchannel.create()
		equal(debugchannel.connect(id + 1000), nil)
		equal(debugchannel.connect(-1), nil)
		assert(debugchannel.connect(id))
		equal(debugchannel.connect(id), nil)
		a:close()
		equal(debugchannel.connect(id), nil)
	end },
	{ "channels: have a limit, and give what they hold back", function()
		local a, id = debugchannel.create()
		local b = debugchannel.connect(id)
		local text, n = ("x"):rep(100000), 0
		while a:write(text) do n = n + 1 end
		equal(n, 10)
		equal(#b:read(), 100000)
		equal(a:write(text), true)
		equal(a:write(("x"):rep(2000000)), false)
	end },
	{ "a made-up channel: the call fails, and debug mode is not entered", function()
		local s, from = skynet.newservice(SERVICE_NAME, "patient"), #tap.log()
		raises("no such channel", skynet.call, s, "debug", "REMOTEDEBUG", 1, 123456)
		assert(not tap.log():find("Enter debug mode", from + 1, true))
		attach(s).leave()
	end },
	{ "code that nobody can stop in is stepped over", function()
		local s = skynet.newservice(SERVICE_NAME, "patient")
		local d = attach(s)
		local cases = {
			plain = { "return c()", "local x = 1" },
			sort = { "return t[1]", "return a < b" },
		}
		for name, lines in pairs(cases) do
			d.say "watch 'lua'"
			local r = ask(s, name)
			equal(select(2, d.prompt()), line_of "skynet.retpack(command[name]())")
			step_to(d, "s", line_of(lines[1]), line_of(lines[2]))
			d.say "c"
			equal(select(2, finished(r)), 1)
		end
		d.leave()
		equal(d.ok, true)
	end },
	{ "coroutines of skynet.coroutine belong to the task: stepped into, also behind a sleep",
		function()
		local s = skynet.newservice(SERVICE_NAME, "patient")
		local d = attach(s)
		d.say "watch 'lua'"
		local r = ask(s, "inner")
		d.prompt()
		step_to(d, "s", line_of "local m = n + 1")
		equal(select(2, d.say "n"), line_of "skynet.sleep(1)")
		equal(d.say "m, n", "2\t1\n")
		d.say "m = 40"
		equal(select(2, d.say "n"), line_of "return m")
		d.say "c"
		equal(select(2, finished(r)), 40)
		d.leave()
	end },
	{ "a sleep behind a stop is no woken one", function()
		local s = skynet.newservice(SERVICE_NAME, "patient")
		local d = attach(s)
		d.say "watch 'lua'"
		local r = ask(s, "sleep")
		d.prompt()
		d.say "c"
		local ok, value = finished(r)
		equal(ok, true)
		equal(value, nil)
		d.leave()
	end },
	{ "a stepped request that raises fails as always", function()
		local s = skynet.newservice(SERVICE_NAME, "patient")
		local d = attach(s)
		d.say "watch 'lua'"
		local r = ask(s, "fail")
		d.prompt()
		step_to(d, "s", line_of "error(why)")
		local _, line = d.say "n"
		equal(line, nil)
		local ok, why = finished(r)
		equal(ok, false)
		assert(why:find("as it should", 1, true), why)
		d.leave()
	end },
	{ "a stopped task can be killed; the session lives on", function()
		local s = skynet.newservice(SERVICE_NAME, "patient")
		local d = attach(s)
		d.say "watch 'lua'"
		local r = ask(s, "plain")
		d.prompt()
		local thread
		for key, trace in pairs(skynet.call(s, "debug", "TASK")) do
			if trace:find("test_remotedebug.lua", 1, true)
				and not trace:find("skynet.sleep", 1, true) then
				thread = key:match "thread: (0x%x+)"
			end
		end
		skynet.call(s, "debug", "KILLTASK", thread)
		equal(finished(r), false)
		equal(select(2, d.prompt()), nil)
		d.say "watch 'lua'"
		r = ask(s, "plain")
		d.prompt()
		d.say "c"
		equal(select(2, finished(r)), 1)
		d.leave()
	end },
	{ "a condition that raises fails its request, and the watch stays", function()
		local s = skynet.newservice(SERVICE_NAME, "patient")
		local d = attach(s)
		d.say("watch('lua', function(_, _, name) if name == 'sort' then "
			.. "error 'bad condition' end return true end)")
		local ok, why = finished(ask(s, "sort"))
		equal(ok, false)
		assert(why:find("bad condition", 1, true))
		local r = ask(s, "plain")
		assert(select(2, d.prompt()))
		d.drop()
		equal(select(2, finished(r)), 1)
		tap.until_true("the end", function() return d.ended end)
		equal(select(2, finished(ask(s, "sort"))), 1) -- nothing of it is left
	end },
}
