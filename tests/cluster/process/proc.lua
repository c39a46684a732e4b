-- SPDX-License-Identifier: MIT
-- The start service of the process tests: does what it is told by name ".proc".
local skynet = require "skynet"
require "skynet.manager"

local mode = ...
local cmd, children = {}, {}

function cmd.echo(...) return ... end

-- n idle services of this file
function cmd.births(n)
	for _ = 1, n do children[#children + 1] = skynet.newservice(SERVICE_NAME, "idle") end
	return #children
end

function cmd.deaths()
	for i = 1, #children do skynet.call(children[i], "lua", "exit") end
	children = {}
	return 0
end

-- n numbered lines
function cmd.log(from, to)
	for i = from, to do skynet.error(("line %06d"):format(i)) end
	return to
end

function cmd.same(n)
	for _ = 1, n do skynet.error "the same again" end
	return n
end

-- n services that loop for ever
function cmd.loops(n)
	for _ = 1, n do skynet.send(skynet.newservice(SERVICE_NAME, "idle"), "lua", "loop") end
	return n
end

-- a service that is in a C function for so many seconds
function cmd.blocks(seconds)
	skynet.send(skynet.newservice(SERVICE_NAME, "idle"), "lua", "block", seconds)
	return seconds
end

-- a service that computes for so many ms
function cmd.computes(ms)
	skynet.send(skynet.newservice(SERVICE_NAME, "idle"), "lua", "hold", ms)
	return ms
end

-- n messages wait in one mailbox, then all are read
function cmd.burst(n)
	local sink = skynet.newservice(SERVICE_NAME, "idle")
	skynet.send(sink, "lua", "hold", 30)
	for i = 1, n do skynet.send(sink, "lua", "nothing", i) end
	return skynet.call(sink, "lua", "count")
end

if mode == "idle" then
	local count = 0
	skynet.start(function()
		skynet.dispatch("lua", function(_, _, what, arg)
			count = count + 1
			if what == "loop" then
				while true do end
			elseif what == "hold" then
				local till = skynet.hpc() + arg * 1000000
				repeat until skynet.hpc() > till
			elseif what == "count" then
				skynet.retpack(count)
			elseif what == "block" then
				os.execute("sleep " .. arg)
			elseif what == "exit" then
				skynet.retpack(true)
				skynet.exit()
			end
		end)
	end)
elseif mode == "throws" then
	skynet.start(function() error "the start broke" end)
elseif mode == "aborts" then
	skynet.start(function()
		cmd.blocks(2)
		skynet.sleep(10)
		skynet.abort()
	end)
elseif mode == "ticks" then
	skynet.start(function()
		skynet.fork(function()
			while true do skynet.sleep(5) end
		end)
	end)
elseif mode == "waits" then
	skynet.start(function()
		skynet.newservice(SERVICE_NAME, "ticks")
		skynet.wait()
	end)
elseif mode == "sleeps" then
	skynet.start(function()
		skynet.newservice(SERVICE_NAME, "ticks")
		skynet.sleep(700)
	end)
else
	skynet.start(function()
		skynet.dispatch("lua", function(_, _, what, ...)
			skynet.retpack(cmd[what](...))
		end)
		skynet.register ".proc"
		skynet.error "proc is here"
	end)
end
