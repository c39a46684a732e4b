-- SPDX-License-Identifier: MIT
-- Who publishes on a channel of its own and listens to the channels of all other nodes, of their
-- present life. Records P (channel, number: published), U (channel, publisher: subscribed) and M
-- (channel, publisher, number: heard).
local skynet = require "skynet"
require "skynet.manager"
local multicast = require "skynet.multicast"
local history = require "history"
local calls = require "calls"

local node, life, nodes = ...
node, life, nodes = math.tointeger(node), math.tointeger(life), math.tointeger(nodes)
local mine, published = nil, 0
local heard = {} -- node -> { who, the channel's object }
local command = {}

function command.traffic(wanted)
	calls.traffic(wanted)
	skynet.retpack(true)
end

function command.open() skynet.retpack(calls.open) end

function command.channel(question)
	skynet.retpack { who = history.who, question = question, channel = mine.channel }
end

-- Looks whether node n has a new life, and so a new channel.
local function follow(n)
	local answer = calls.call("herald", "HERALD" .. n, "n" .. n, 200, "channel")
	local old = heard[n]
	if not answer or old and old.who == answer.who then return end
	if old then
		heard[n] = nil
		old.channel:unsubscribe()
	end
	local channel = multicast.new {
		channel = answer.channel,
		dispatch = function(c, _, who, number) history.record("M", c.channel, who,
			number) end,
	}
	if calls.operation("subscribe", answer.channel, channel.subscribe, channel) then
		heard[n] = { who = answer.who, channel = channel }
		history.record("U", answer.channel, answer.who)
	end
end

local function publish()
	published = published + 1
	history.record("P", mine.channel, published)
	calls.operation("publish", mine.channel, mine.publish, mine, history.who, published)
end

skynet.start(function()
	history.open(node, life)
	skynet.dispatch("lua", function(_, _, what, ...) command[what](...) end)
	mine = multicast.new()
	skynet.register("HERALD" .. node)
	for n = 1, nodes do
		if n ~= node then calls.repeatedly(50, follow, n) end
	end
	calls.repeatedly(10, publish)
end)
