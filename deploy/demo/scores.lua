-- SPDX-License-Identifier: MIT
-- The points of all players, known in the whole cluster as SCORES.

local skynet = require "skynet"
require "skynet.manager" -- skynet.register

local points = {} -- player -> number

local command = {}

function command.add(player, n)
	points[player] = (points[player] or 0) + n
end

-- "ann=3 bob=1 ...": at most n players, the best first.
function command.top(n)
	local names = {}
	for player in pairs(points) do
		names[#names + 1] = player
	end
	table.sort(names, function(a, b)
		if points[a] ~= points[b] then
			return points[a] > points[b]
		end
		return a < b
	end)
	local list = {}
	for i = 1, math.min(n, #names) do
		list[i] = names[i] .. "=" .. points[names[i]]
	end
	return table.concat(list, " ")
end

skynet.start(function()
	skynet.dispatch("lua", function(session, _, what, ...)
		local f = command[what]
		if session == 0 then
			f(...)
		else
			skynet.retpack(f(...))
		end
	end)
	skynet.register "SCORES"
	skynet.error("scores are kept")
end)
