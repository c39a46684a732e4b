-- SPDX-License-Identifier: MIT
-- An agent: three modules of code, a shared table, some of both used.
local skynet = require "skynet"
local sharetable = require "skynet.sharetable"
package.path = (...) .. "/?.lua;" .. package.path
local game = { require "game1", require "game2", require "game3" }
local command = {}

function command.play()
	local items, sum = sharetable.query "items", 0
	for i = 1, 100 do
		local name, level = game[i % 3 + 1]["f" .. i](i, i)
		sum = sum + level + items[i].cost.gold + #tostring(name)
	end
	assert(sum > 0)
	return game[1].version
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what)
		if what == "exit" then
			skynet.exit()
		end
		skynet.retpack(command[what]())
	end)
end)
