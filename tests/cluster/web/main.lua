-- SPDX-License-Identifier: MIT
-- A node with something to count: a shop that calls its clerks, clerks who die, and a start that
-- waits until it is told to go on.
local skynet = require "skynet"
require "skynet.manager"

local mode = ...
local command = {}
local go = {}

function command.go() skynet.wakeup(go) end
function command.loop_for(seconds)
	local till = skynet.hpc() + seconds * 1000000000
	repeat until skynet.hpc() > till
end
function command.fails() error "on purpose" end
function command.rest(cs) skynet.sleep(cs) return true end
function command.hire() return skynet.address(skynet.newservice "clerk") end
function command.hire_many(n)
	for _ = 1, n do
		skynet.newservice "clerk"
	end
	return n
end
-- So many messages wait for a clerk who is busy for so many seconds.
function command.pile(n, seconds)
	local clerk = skynet.newservice "clerk"
	skynet.send(clerk, "lua", "toil", seconds)
	for _ = 1, n do
		skynet.send(clerk, "lua", "work")
	end
	return n
end
function command.ask(who, n, ...)
	for _ = 1, n do
		skynet.call(who, "lua", ...)
	end
	return n
end
function command.ask_wrong(who, n)
	local failed = 0
	for _ = 1, n do
		failed = failed + (pcall(skynet.call, who, "lua", "fails") and 0 or 1)
	end
	return failed
end
function command.late(who) return (pcall(skynet.calltimeout, 5, who, "lua", "rest", 100)) end
-- Clerks come, do `each` things, and go.
function command.season(n, each)
	for _ = 1, n do
		local clerk = skynet.newservice "clerk"
		for _ = 1, each do
			skynet.call(clerk, "lua", "work")
		end
		skynet.send(clerk, "lua", "leave")
	end
	return n
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		skynet.retpack(command[what](...))
	end)
	skynet.register ".shop"
	if mode == "SLOW" then
		skynet.wait(go)
	else
		skynet.register(mode .. "SHOP")
	end
end)
