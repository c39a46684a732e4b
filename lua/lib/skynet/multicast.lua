-- SPDX-License-Identifier: MIT
-- skynet.multicast: channels that whoever subscribes hears, also on other nodes. The service
-- multicastd of each node keeps who listens; the channel belongs to the node that made it, whose
-- harbor id is its low byte.
local skynet = require "skynet"
local core = require "skynet.multicast.core"

local multicast = {}

local multicastd
skynet.init(function()
	multicastd = skynet.uniqueservice "multicastd"
end)

-- channel -> the subscribed objects of it. Whoever subscribed hears, also if the program kept no
-- object.
local objects = {}

local function keep(self, id)
	local list = objects[id] or {}
	objects[id] = list
	list[#list + 1] = self
end

-- Returns whether no other object of this service hears the channel.
local function let_go(self, id)
	local list = objects[id] or {}
	for i = #list, 1, -1 do
		if list[i] == self then
			table.remove(list, i)
		end
	end
	if #list == 0 then
		objects[id] = nil
	end
	return #list == 0
end

local channel = {}
channel.__index = channel

local function id_of(self)
	return assert(self.channel, "the channel was deleted")
end

-- Yields until this service hears the channel, which it does until `unsubscribe` or `delete`, over
-- every loss of the link to the channel's owner. One that was deleted, or never was, stays silent.
-- Raises when the owner cannot be reached; then the object is as it was before.
function channel:subscribe()
	local id = id_of(self)
	if self.subscribed then
		return
	end
	self.subscribed = true
	keep(self, id)
	local ok, exists = pcall(skynet.call, multicastd, "lua", "SUB", id, self.event ~= nil)
	if not ok then
		self.subscribed = false
		let_go(self, id)
		error("multicast: " .. tostring(exists), 2)
	elseif not exists then
		let_go(self, id)
		if self.event then
			skynet.fork(self.event, self, "gone", "the channel does not exist")
		end
	end
end

-- Does not yield.
function channel:unsubscribe()
	local id = id_of(self)
	if self.subscribed then
		self.subscribed = false
		if let_go(self, id) then
			skynet.send(multicastd, "lua", "UNSUB", id)
		end
	end
end

-- Yields until the message is on its way; those who listen get it later, this service as well if it
-- listens. Raises when the owner of the channel cannot be reached.
function channel:publish(...)
	skynet.call(multicastd, "lua", "PUB", id_of(self), self.pack(...))
end

-- Ends the channel for everybody; who gave an `event` function is told. The object cannot be used
-- any more.
function channel:delete()
	local id = id_of(self)
	skynet.send(multicastd, "lua", "DEL", id)
	let_go(self, id)
	self.subscribed = false
	self.channel = nil
end

function channel:__tostring()
	return ("[Multicast:%x]"):format(self.channel or 0)
end

-- new([conf]): conf.channel is a channel that exists, else there is a new one (and the call
-- yields); conf.dispatch(channel, source, ...) hears it; conf.pack and conf.unpack in place of
-- skynet's. Ours: conf.event(channel, what, why) is told, while subscribed, when messages may be
-- missing ("lost": no link to the owner, "back": there is again) and when there will be no more
-- ("gone": the channel was deleted, or its node ended).
function multicast.new(conf)
	conf = conf or {}
	local self = {
		channel = conf.channel or skynet.call(multicastd, "lua", "NEW"),
		pack = conf.pack or skynet.pack,
		unpack = conf.unpack or skynet.unpack,
		dispatch = conf.dispatch,
		event = conf.event,
		subscribed = false,
	}
	return setmetatable(self, channel)
end

local function dispatch(self, source, ...)
	if self.dispatch then
		self.dispatch(self, source, ...)
	end
end

-- Several objects of one channel: the message can be unpacked only now, and each of them hears it
-- in a task of its own.
local function hear_all(list, source, msg, size)
	core.unpack(function(m, n)
		for _, self in ipairs(list) do
			skynet.fork(dispatch, self, source, self.unpack(m, n))
		end
	end, msg, size)
end

-- News of multicastd.
local function hear_news(id, list, what, why)
	if what == "gone" then
		objects[id] = nil
	end
	for _, self in ipairs(list) do
		if self.event then
			skynet.fork(self.event, self, what, why)
		end
	end
end

local function hear(id, source, msg, size)
	skynet.ignoreret() -- the session of such a message is its channel
	local list = objects[id]
	if not list then
		core.unpack(nil, msg, size)
	elseif source == multicastd then
		local objects = table.move(list, 1, #list, 1, {})
		hear_news(id, objects, core.unpack(skynet.unpack, msg, size))
	elseif list[2] then
		hear_all(list, source, msg, size)
	else
		dispatch(list[1], source, core.unpack(list[1].unpack, msg, size))
	end
end

skynet.register_protocol {
	name = "multicast",
	id = skynet.PTYPE_MULTICAST,
	unpack = function(msg, size) return msg, size end,
	dispatch = hear,
}

return multicast
