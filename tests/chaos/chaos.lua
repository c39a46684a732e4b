-- SPDX-License-Identifier: MIT
-- The start service of a node under chaos: `.chaos`, which chaos.py asks by harborctl. It starts
-- the services that answer, those that race for names, and those that call.
local skynet = require "skynet"
require "skynet.manager"
local harbor = require "skynet.harbor"
local memory = require "skynet.memory"
local history = require "history"

local function number(key) return math.tointeger(skynet.getenv("chaos_" .. key)) end
local node, life, nodes, seed = skynet.harbor(skynet.self()), number "life", number "nodes",
	number "seed"

local RACERS <const>, CALLERS <const> = 2, 2
local callers, drivers = {}, {} -- drivers: all who make traffic
local command = {}

function command.ping() return true end

-- Starts or ends the traffic of this node.
function command.traffic(on)
	for _, d in ipairs(drivers) do skynet.call(d, "lua", "traffic", on == "on") end
	return true
end

-- How many calls of this node are open.
function command.open()
	local n = 0
	for _, d in ipairs(drivers) do n = n + skynet.call(d, "lua", "open") end
	return n
end

-- Collects the garbage of every service: what is left is in use.
function command.collect()
	skynet.call(".launcher", "lua", "GC", 0)
	return true
end

-- Bytes that are allocated, by the allocator and by Lua alone.
function command.memory()
	local lua = 0
	for _, bytes in pairs(memory.info()) do lua = lua + bytes end
	return ("%d %d"):format(memory.jestat()["stats.allocated"], lua)
end

-- Calls every name of the cluster, two seconds each at most; returns what failed.
function command.check()
	return skynet.call(callers[1], "lua", "check")
end

-- This node's pilgrim may live on any node; when that one was killed it begins a new life here.
local function keep_pilgrim()
	while true do
		if not harbor.find("PILGRIM" .. node) then
			pcall(skynet.newservice, "pilgrim", "PILGRIM" .. node)
		end
		skynet.sleep(500)
	end
end

skynet.start(function()
	history.open(node, life)
	history.record("B", skynet.self())
	skynet.dispatch("lua", function(_, _, name, ...) skynet.retpack(command[name](...)) end)
	skynet.newservice("target", node, life, "SVC" .. node)
	for i = 1, CALLERS do callers[i] = skynet.newservice("caller", node, life, seed + 100 + i,
		nodes) end
	drivers = { skynet.newservice("herald", node, life, nodes), table.unpack(callers) }
	for i = 1, RACERS do drivers[#drivers + 1] = skynet.newservice("racer", node, life,
		seed + i) end
	skynet.register ".chaos"
	skynet.fork(keep_pilgrim)
	command.traffic "on"
end)
