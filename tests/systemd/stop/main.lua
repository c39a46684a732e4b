-- A game that acknowledges what it has stored: each frame of a client, "NAME N", goes to the store,
-- and then back to him. When the node stops, nothing more is stored or acknowledged, and the store
-- saves.
local skynet = require "skynet"
local netpack = require "skynet.netpack"
local driver = require "skynet.socketdriver"
require "skynet.manager"

local gate, store, stopping
local on = {}

function on.open(fd)
	skynet.send(gate, "lua", "accept", fd)
end

function on.data(fd, text)
	if not stopping then
		skynet.call(store, "lua", text)
		driver.send(fd, netpack.pack(text))
	end
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, _, event, ...)
		if on[event] then
			on[event](...)
		end
	end)
	skynet.on_stop(function() stopping = true end, "before")
	store = skynet.newservice "store"
	gate = skynet.newservice "gate"
	skynet.call(gate, "lua", "open", { address = "127.0.0.1", port = 7000, maxclient = 5000,
		watchdog = skynet.self() })
end)
