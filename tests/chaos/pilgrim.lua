-- SPDX-License-Identifier: MIT
-- Who is called while it moves between nodes. It is the same one to others in all of its lives, and
-- so in the histories, too.
local skynet = require "skynet"
local harbor = require "skynet.harbor"
local history = require "history"

local name = ...
local command = {}

-- What history.open says in the first life.
local function same_as_before()
	local who = skynet.handover_state()
	local own = history.open(skynet.harbor(skynet.self()),
		math.tointeger(skynet.getenv "chaos_life"))
	history.who = who or own
	return who ~= nil
end

function command.echo(question, route, number)
	history.record("X", question, route, number)
	skynet.retpack { who = history.who, question = question, handle = skynet.self() }
end

function command.send(from, route, number)
	skynet.ignoreret()
	history.record("N", from, route, number)
end

skynet.start(function()
	local moved = same_as_before()
	skynet.dispatch("lua", function(_, _, what, ...) command[what](...) end)
	skynet.on_handover(function() return history.who end)
	-- Another one lives already, elsewhere.
	if not moved and not pcall(harbor.register, name) then skynet.exit() end
end)
