-- SPDX-License-Identifier: MIT
-- `.probe`: makes, hears and publishes channels; the tests drive it by harborctl.
local skynet = require "skynet"
require "skynet.manager"
local multicast = require "skynet.multicast"

local command, heard, channels = {}, {}, {}

local function hear(channel, source, ...)
	local list = heard[channel.channel] or {}
	heard[channel.channel] = list
	list[#list + 1] = { source = source, ... }
end

local function object(id)
	id = math.tointeger(tonumber(id))
	channels[id] = channels[id] or multicast.new { channel = id, dispatch = hear }
	return channels[id], id
end

function command.new() return multicast.new().channel end

function command.subscribe(id) object(id):subscribe() return true end

function command.unsubscribe(id) object(id):unsubscribe() return true end

-- Publishes from .. to, each behind `size` bytes.
function command.publish(id, from, to, size)
	local channel = object(id)
	for i = from, to do
		channel:publish(("x"):rep(size or 0), i)
	end
	return true
end

function command.delete(id)
	local channel
	channel, id = object(id)
	channel:delete()
	channels[id] = nil
	return true
end

-- How many were heard, and whether each publisher's numbers came in order, without a gap.
function command.heard(id)
	local last, list = {}, heard[math.tointeger(tonumber(id))] or {}
	for _, item in ipairs(list) do
		local number = item[2]
		if number ~= (last[item.source] or number - 1) + 1 then return #list, false end
		last[item.source] = number
	end
	return #list, true
end

function command.bytes(id)
	local list = heard[math.tointeger(tonumber(id))]
	return #list[#list][1]
end

-- Whether the datacenter tells where the channels of that node are.
function command.known(id)
	return require "skynet.datacenter".get("multicast", math.tointeger(tonumber(id))) ~= nil
end

-- A second listener on this node.
function command.another(id)
	return skynet.call(skynet.newservice(SERVICE_NAME, "nameless"), "lua", "subscribe", id)
end

-- How many HEAR and other requests this node's multicastd got.
function command.traffic()
	return skynet.call(skynet.queryservice "multicastd", "debug", "STAT").message
end

local name = ...
skynet.start(function()
	skynet.dispatch("lua", function(session, _, what, ...)
		if session ~= 0 then
			skynet.retpack(command[what](...))
		end
	end)
	if name ~= "nameless" then
		skynet.register ".probe"
	end
end)
