-- SPDX-License-Identifier: MIT
local skynet = require "skynet"
require "skynet.manager"
local multicast = require "skynet.multicast"

local LISTENERS, NEWS = 20, 100

skynet.start(function()
	local channel = multicast.new()
	local listeners = {}
	for i = 1, LISTENERS do
		listeners[i] = skynet.newservice("listener", channel.channel)
	end
	local heard = 0
	local mine = multicast.new {
		channel = channel.channel,
		dispatch = function(c, source, n)
			assert(c.channel == channel.channel and source == skynet.self())
			heard = heard + 1
			assert(n == heard)
		end,
	}
	mine:subscribe()
	for i = 1, NEWS do
		channel:publish(i, { text = "news " .. i })
	end
	for i = 1, LISTENERS do
		skynet.error(("listener %d heard %s"):format(i,
			skynet.call(listeners[i], "lua", "wait", NEWS)))
	end
	while heard < NEWS do skynet.sleep(1) end
	skynet.call(listeners[1], "lua", "unsubscribe")
	channel:publish(NEWS + 1, { text = "more" })
	skynet.error(("listener 2 heard %s"):format(skynet.call(listeners[2], "lua", "wait",
		NEWS + 1)))
	skynet.error(("listener 1 heard %s"):format(skynet.call(listeners[1], "lua", "count")))
	skynet.error(("object %s"):format(channel))
	channel:delete()
	skynet.error("deleted " .. tostring(pcall(channel.publish, channel, 1)))
	skynet.abort()
end)
