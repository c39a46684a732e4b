-- SPDX-License-Identifier: MIT
-- Births and deaths of agents with real code, and a new version of the code and of a shared table
-- in each round. Prints a line a round: its number, the process's resident KiB, the versions that
-- the agents of the round ran.
local skynet = require "skynet"
require "skynet.manager"
local codecache = require "skynet.codecache"
local sharetable = require "skynet.sharetable"
local folder, rounds = ...

local function write_code(version)
	for file = 1, 3 do
		local f = assert(io.open(("%s/game%d.lua"):format(folder, file), "w"))
		f:write("local M = {}\n")
		for i = 1, 120 do
			f:write(("function M.f%d(a, b)\n\tlocal t = { name = 'item %d', "
				.. "level = a * %d + b + %d, tags = { 'x%d', 'y' } }\n"
				.. "\tif t.level > 100 then return t.name, t.level "
				.. "else return #t.tags, t.level end\nend\n")
				:format(i, i, i, version, i))
		end
		-- A few texts of each version are new, as in a game's. The pool of texts only grows
		-- (lua/vm/README.md, invariant 6).
		f:write(("M.version, M.title = %d, 'version %d'\nreturn M\n"):format(version,
			version))
		f:close()
	end
end

local function write_table(version)
	local items = {}
	for i = 1, 500 do
		items[i] = { id = i, name = "item " .. i, version = version,
			cost = { gold = i, wood = i * version } }
	end
	sharetable.loadtable("items", items)
end

local function rss()
	local f = assert(io.open "/proc/self/status")
	local kib = f:read "a":match "VmRSS:%s+(%d+)"
	f:close()
	return kib
end

skynet.start(function()
	local old = {} -- some live for several rounds, with the code that they began with
	for round = 1, tonumber(rounds) do
		write_code(round)
		codecache.clear()
		write_table(round)
		local born = {}
		for i = 1, 60 do
			born[i] = skynet.newservice("agent", folder)
		end
		for _, agent in ipairs(born) do
			assert(skynet.call(agent, "lua", "play") == round)
		end
		for i, agent in ipairs(born) do
			if i % 30 == 0 then
				old[#old + 1] = agent
			else
				skynet.send(agent, "lua", "exit")
			end
		end
		while #old > 20 do
			assert(skynet.call(old[1], "lua", "play") < round)
			skynet.send(table.remove(old, 1), "lua", "exit")
		end
		print("SOAK", round, rss())
		io.stdout:flush()
	end
	skynet.abort()
end)
