-- SPDX-License-Identifier: MIT
-- Who races for global names with the racers of all nodes: registers one, holds it for a while,
-- releases it. Records G (gained), D (refused), O (lost to another), L (release asked for) and Z
-- (released).
local skynet = require "skynet"
require "skynet.manager"
local harbor = require "skynet.harbor"
local history = require "history"
local calls = require "calls"

local node, life, seed = ...
math.randomseed(math.tointeger(seed))
local NAMES <const> = 3
local held, who = {}, nil
local command = {}

function command.traffic(wanted)
	calls.traffic(wanted)
	skynet.retpack(true)
end

local racing = 0 -- registrations and releases that are open
function command.open() skynet.retpack(racing) end

function command.echo(question, route, number)
	history.record("X", question, route, number)
	local names = {}
	for name in pairs(held) do names[#names + 1] = name end
	skynet.retpack { who = who, question = question, handle = skynet.self(),
		holds = table.concat(names, ",") }
end

function command.send(from, route, number)
	skynet.ignoreret()
	history.record("N", from, route, number)
end

local function race(name)
	local asked = skynet.hpc() // 1000
	racing = racing + 1
	local ok, why, number = pcall(harbor.register, name)
	racing = racing - 1
	history.record(ok and "G" or "D", name, asked, ok and number or history.reason(why))
	if not ok then return end
	held[name] = true
	skynet.sleep(math.random(1, 300))
	if not held[name] then return end
	history.record("L", name)
	held[name] = nil
	racing = racing + 1
	ok, why = pcall(harbor.release, name)
	racing = racing - 1
	history.record("Z", name, ok and "ok" or history.reason(why))
end

skynet.start(function()
	who = history.open(math.tointeger(node), math.tointeger(life))
	skynet.dispatch("lua", function(_, _, what, ...) command[what](...) end)
	harbor.watch(function(name, winner)
		history.record("O", name, winner)
		held[name] = nil
	end)
	for i = 1, NAMES do
		calls.repeatedly(50, race, "RACE" .. i)
	end
end)
