-- SPDX-License-Identifier: MIT
-- Listens to channels of skynet.multicast and remembers what it heard.
local skynet = require "skynet"
local multicast = require "skynet.multicast"

local command, heard, channels = {}, {}, {}

local function hear(channel, source, ...)
	heard[#heard + 1] = table.pack(channel.channel, source, ...)
end

function command.subscribe(id)
	channels[id] = channels[id] or multicast.new { channel = id, dispatch = hear }
	channels[id]:subscribe()
end

function command.unsubscribe(id)
	channels[id]:unsubscribe()
end

function command.drop(id)
	channels[id] = nil
	collectgarbage()
	collectgarbage()
end

function command.publish(id, ...)
	multicast.new { channel = id }:publish(...)
end

function command.new()
	local channel = multicast.new { dispatch = hear }
	channels[channel.channel] = channel
	return channel.channel
end

function command.delete(id)
	channels[id]:delete()
end

function command.count() return #heard end
function command.heard(i) return table.unpack(heard[i], 1, heard[i].n) end

-- Whether the last values of all that was heard are 1, 2, 3 ...
function command.in_order()
	for i, list in ipairs(heard) do
		if tonumber(list[list.n]) ~= i then return false end
	end
	return true
end

function command.hang(ti)
	local till = skynet.now() + ti
	while skynet.now() < till do end
end

skynet.start(function()
	skynet.dispatch("lua", function(session, _, name, ...)
		if session == 0 then
			command[name](...)
		else
			skynet.retpack(command[name](...))
		end
	end)
end)
