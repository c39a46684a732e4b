-- SPDX-License-Identifier: MIT
-- The unique service of the cluster: on the master's node, one at a time.
local skynet = require "skynet"
local history = require "history"

local node, life = skynet.harbor(skynet.self()), math.tointeger(skynet.getenv "chaos_life")

skynet.start(function()
	local who = history.open(node, life)
	skynet.dispatch("lua", function(_, _, _, question, route, number)
		history.record("X", question, route, number)
		skynet.retpack { who = who, question = question, handle = skynet.self() }
	end)
end)
