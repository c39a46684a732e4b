-- SPDX-License-Identifier: MIT
-- One driver of the soak: tasks that call, and end what they call. A callee is a table { handle,
-- doomed }: whoever kills it or asks it to go sets doomed first, so a call that fails although
-- nobody did is found out. Commands: run(calls, tasks), report().
local skynet = require "skynet"
require "skynet.manager"
local socket = require "skynet.socket"
local sharetable = require "skynet.sharetable"
local multicast = require "skynet.multicast"

local seed, echo_port, channel_id = ...
math.randomseed(tonumber(seed))
echo_port, channel_id = tonumber(echo_port), tonumber(channel_id)

local CALLEES <const> = 24
local callees, channel = {}, nil
local made, right, failed, heard, published = 0, 0, 0, 0, 0
local wrong, reasons = {}, {}

local function not_right(what, ...)
	if #wrong < 20 then wrong[#wrong + 1] = what .. ": " .. table.concat({ ... }, " ") end
end

local function fresh()
	return { handle = skynet.newservice "callee", doomed = false }
end

local function any()
	return callees[math.random(CALLEES)]
end

local function replace(c)
	for i = 1, CALLEES do
		if callees[i] == c then
			callees[i] = false
			local new = fresh()
			callees[i] = new
		end
	end
end

-- Who is being replaced is not there for a moment.
local function one()
	local c = any()
	while not c do
		skynet.yield()
		c = any()
	end
	return c
end

local function reason(text)
	text = tostring(text):match("^[^\n]*"):gsub("^.-: ", ""):gsub(":?%x%x%x%x%x%x%x%x",
		"H"):gsub("%d+", "N")
	reasons[text] = (reasons[text] or 0) + 1
end

-- Counts a call; its result must be `expected`, or it must have a reason to fail.
local function judge(what, expected, may_fail, ok, got)
	made = made + 1
	if ok then
		right = right + 1
		if expected ~= nil and got ~= expected then not_right(what, "answered",
			tostring(got), "not", tostring(expected)) end
	else
		failed = failed + 1
		reason(got)
		if not may_fail then not_right(what, "failed:", tostring(got)) end
	end
end

local function call(what, c, expected, may_fail, ...)
	local ok, got = pcall(skynet.call, c.handle, "lua", ...)
	judge(what, expected, may_fail or c.doomed, ok, got)
end

local ops = {}
local function op(weight, f)
	for _ = 1, weight do ops[#ops + 1] = f end
end

op(600, function()
	local n = math.random(1 << 30)
	call("echo", one(), n, false, "echo", n, "player",
		{ x = n, y = 2.5, name = "of some length" })
end)
op(50, function()
	local s = ("s"):rep(math.random(3000))
	call("text", one(), s, false, "echo", s)
end)
op(8, function()
	local ok, got = pcall(skynet.call, one().handle, "lua", "boom", "on purpose")
	judge("boom", nil, true, ok, got)
	if ok then not_right "boom answered" end
end)
op(4, function()
	local ok, got = pcall(skynet.call, one().handle, "lua", "forget")
	judge("forget", nil, true, ok, got)
	if ok then not_right "forget answered" end
end)
op(20, function() call("hold", one(), "held", false, "hold") end)
op(20, function() call("chain", one(), 5, false, "chain", 5) end)
op(30, function()
	local a, b, n = one(), one(), math.random(1000)
	local ok, got = pcall(skynet.call, a.handle, "lua", "pass", b.handle, n)
	judge("pass", n, a.doomed or b.doomed, ok, got)
end)
op(10, function()
	local c, ti = one(), math.random(3)
	local ok, got = pcall(skynet.calltimeout, 2, c.handle, "lua", "slow", ti)
	judge("slow", ti, true, ok, got) -- on a busy machine even 1 may come too late
end)
op(40, function()
	local n = math.random(1000)
	local ok, got = pcall(skynet.call, "SOAKPEER", "lua", "echo", n)
	judge("remote", n, true, ok, got)
end)
op(3, function()
	local ok, got = pcall(skynet.call, "SOAKPEER", "lua",
		math.random(2) == 1 and "boom" or "forget", "there")
	judge("remote boom", nil, true, ok, got)
	if ok then not_right "remote boom answered" end
end)
op(4, function()
	local c = one()
	c.doomed = true
	skynet.fork(replace, c)
	call("bye", c, 7, true, "bye", 7)
	call("after bye", c, nil, true, "echo", 1)
end)
op(4, function()
	local c = one()
	c.doomed = true
	skynet.fork(replace, c)
	call("vanish", c, nil, true, "vanish")
end)
op(6, function()
	local c = one()
	c.doomed = true
	skynet.kill(c.handle)
	replace(c)
	call("killed", c, nil, true, "echo", 1)
end)
op(10, function() skynet.sleep(0) end)
op(10, function()
	local t = skynet.timer(1000, function() not_right "a cancelled timer fired" end)
	if not t:cancel() then not_right "a timer could not be cancelled" end
end)
op(6, function()
	local fd = assert(socket.open("127.0.0.1", echo_port))
	local line = ("l"):rep(math.random(200))
	socket.write(fd, line .. "\n")
	local got = socket.readline(fd, "\n")
	if got ~= line then not_right("socket", tostring(got)) end
	socket.close(fd)
end)
op(4, function()
	published = published + 1
	channel:publish("news", published)
end)
op(6, function()
	local t = sharetable.query "soak"
	if t.list[3] ~= 30 or t.version < 1 then not_right("sharetable", tostring(t.version)) end
end)

local command = {}

function command.run(calls, tasks)
	for i = 1, CALLEES do callees[i] = callees[i] or fresh() end
	local goal, left, me = made + calls, tasks, coroutine.running()
	for _ = 1, tasks do
		skynet.fork(function()
			while made < goal do
				local ok, why = xpcall(ops[math.random(#ops)], debug.traceback)
				if not ok then not_right("driver", why) end
			end
			left = left - 1
			if left == 0 then skynet.wakeup(me) end
		end)
	end
	skynet.wait(me)
	for i = 1, CALLEES do -- replace() may still be under way
		while not callees[i] do skynet.yield() end
		skynet.kill(callees[i].handle)
		callees[i] = nil
	end
	collectgarbage()
	collectgarbage()
	skynet.retpack(made)
end

function command.report()
	skynet.retpack { made = made, right = right, failed = failed, heard = heard,
		published = published, wrong = wrong,
		reasons = reasons, tasks = skynet.task(), kib = collectgarbage "count" }
end

skynet.start(function()
	channel = multicast.new { channel = channel_id,
		dispatch = function() heard = heard + 1 end }
	channel:subscribe()
	skynet.dispatch("lua", function(_, _, name, ...) command[name](...) end)
end)
