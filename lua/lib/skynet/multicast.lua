-- SPDX-License-Identifier: MIT
-- skynet.multicast: channels that whoever subscribes hears (lua-core.md 5.5), also on other nodes. The service multicastd
-- of each node keeps who listens; the channel belongs to the node that made it, whose harbor id is its low byte.
local skynet = require "skynet"
local core = require "skynet.multicast.core"

local multicast = {}

local multicastd
skynet.init(function()
	multicastd = skynet.uniqueservice "multicastd"
end)

-- channel -> the object that hears it. Weak: who drops an object has unsubscribed.
local objects = setmetatable({}, { __mode = "v" })

local channel = {}
channel.__index = channel

local function id_of(self)
	return assert(self.channel, "the channel was deleted")
end

-- Yields until this service hears the channel. One that was deleted, or never was, stays silent.
function channel:subscribe()
	local id = id_of(self)
	if not self.subscribed then
		self.subscribed = true
		objects[id] = self
		skynet.call(multicastd, "lua", "SUB", id)
	end
end

function channel:unsubscribe()
	local id = id_of(self)
	if self.subscribed then
		self.subscribed = false
		skynet.send(multicastd, "lua", "UNSUB", id)
	end
end

-- Yields until the message is on its way; those who listen get it later, this service as well if it listens.
function channel:publish(...)
	skynet.call(multicastd, "lua", "PUB", id_of(self), self.pack(...))
end

-- Ends the channel for everybody; nobody is told. The object cannot be used any more.
function channel:delete()
	skynet.send(multicastd, "lua", "DEL", id_of(self))
	self.subscribed = false
	self.channel = nil
end

function channel:__tostring()
	return ("[Multicast:%x]"):format(self.channel or 0)
end

function channel:__gc()
	-- not if another object has taken its place
	if self.channel and self.subscribed and not objects[self.channel] then
		self:unsubscribe()
	end
end

-- new([conf]): conf.channel is a channel that exists, else there is a new one (and the call yields);
-- conf.dispatch(channel, source, ...) hears it; conf.pack and conf.unpack in place of skynet's.
function multicast.new(conf)
	conf = conf or {}
	local self = {
		channel = conf.channel or skynet.call(multicastd, "lua", "NEW"),
		pack = conf.pack or skynet.pack,
		unpack = conf.unpack or skynet.unpack,
		dispatch = conf.dispatch,
		subscribed = false,
	}
	return setmetatable(self, channel)
end

local function hear(id, source, msg, size)
	skynet.ignoreret() -- the session of such a message is its channel
	local self = objects[id]
	if not self or not self.subscribed or not self.dispatch then
		core.unpack(nil, msg, size)
	else
		self.dispatch(self, source, core.unpack(self.unpack, msg, size))
	end
end

skynet.register_protocol {
	name = "multicast",
	id = skynet.PTYPE_MULTICAST,
	unpack = function(msg, size) return msg, size end,
	dispatch = hear,
}

return multicast
