-- SPDX-License-Identifier: MIT
-- multicastd: the channels of skynet.multicast on this node.
--
-- A channel lives with the multicastd of its owner, the node whose harbor id is the low byte of its
-- number. Messages go to the owner, which gives them to its own listeners and one copy to each node
-- that has any; so all hear one publisher in one order.
--
-- Towards each other node there is one state machine, `attend`, for all of its channels: it waits
-- for the link, finds the multicastd there by its global name, joins all channels that are heard
-- here, and waits for the end of that. So an owner that is away costs one waiting task, however
-- many its channels are, and whoever subscribed hears again when it is back.
local skynet = require "skynet"
local commands = require "skynet.commands"
local core = require "skynet.multicast.core"
local datacenter = require "skynet.datacenter"
local harbor = require "skynet.harbor"

local here = skynet.harbor(skynet.self())

local SWEEP = 64          -- listeners of a channel before the dead among them are looked for
-- who needs another node waits so long for the link to it, in centiseconds
local LINK_PATIENCE = 100
local PATIENCE = 500      -- and so long for an answer of its multicastd
local PAUSE_MAX = 100     -- between two tries that failed although the link is up
local JOIN_MAX = 1000     -- channels in one message
local SESSIONS_MAX = 8    -- of one guest whose end has not come yet; a healthy one has one

local own = {}            -- channel -> { guests that listen -> true }
-- multicastd of another node -> { handle =, channels = { ours that it hears -> true } }
local guests = {}
local watchers = {}       -- the same -> how many tasks wait for the end of a session with it
local groups = {}         -- channel, ours or not -> listeners of this node
local peers = {}          -- harbor id -> what we want of that node: see peer_of

-- A random place to begin: channels of this node's last life are not taken for new ones.
math.randomseed(skynet.hpc(), skynet.self())
local last = math.random(0, 0x7fffff)

local function name_of(id)
	return "MULTICAST-" .. id
end

local function owner_of(channel)
	return channel & 0xff
end

-- ---- listeners of this node ----

-- `told`: those of the list that want to hear of "lost" and "back". `joined`, of another node's
-- channel: its owner knows that we listen.
local function new_group()
	return { list = {}, index = {}, told = {}, sweep_at = SWEEP }
end

local function compact(group)
	local list, told = {}, {}
	group.index = {}
	for _, handle in ipairs(group.list) do
		if handle then
			list[#list + 1] = handle
			group.index[handle] = #list
			told[handle] = group.told[handle]
		end
	end
	group.list, group.told = list, told
	group.sweep_at = math.max(SWEEP, 2 * #list)
end

-- Returns whether it is new there.
local function add(group, handle, wants_news)
	group.told[handle] = group.told[handle] or wants_news or nil
	if group.index[handle] then
		return false
	end
	if #group.list >= group.sweep_at then
		core.sweep(group.list)
		compact(group)
		group.told[handle] = wants_news or nil
	end
	group.list[#group.list + 1] = handle
	group.index[handle] = #group.list
	return true
end

local function remove(group, handle)
	local i = group.index[handle]
	if i then
		local other = group.list[#group.list]
		group.list[i], group.index[other] = other, i
		group.list[#group.list], group.index[handle], group.told[handle] = nil, nil, nil
	end
end

-- News about the channel are messages of it that come from us: "lost", "back" or "gone", and why.
local function tell(list, channel, what, why)
	core.push(list, skynet.self(), channel, skynet.pack(what, why))
end

local function tell_some(channel, what, why)
	local list = {}
	for handle in pairs(groups[channel].told) do
		list[#list + 1] = handle
	end
	tell(list, channel, what, why)
end

-- The channel does not exist any more: who listens is told, nobody listens.
local function gone(channel)
	local group, peer = groups[channel], peers[owner_of(channel)]
	groups[channel] = nil
	if peer then
		peer.channels[channel] = nil
	end
	if group then
		tell(group.list, channel, "gone", "the channel does not exist")
	end
end

-- ---- other nodes ----

local attend

-- What there is of another node. `handle`: its multicastd, while we are joined. `waiting`: tokens
-- of the tasks that need it.
local function peer_of(channel)
	local id = owner_of(channel)
	if here == 0 or id == 0 then
		error("no node has this channel", 0)
	end
	if not peers[id] then
		peers[id] = { id = id, channels = {}, waiting = {} }
		skynet.fork(attend, peers[id])
	end
	return peers[id]
end

local function is_needed(peer)
	return next(peer.channels) ~= nil or next(peer.waiting) ~= nil
end

-- Those who wait for the peer look again.
local function changed(peer, why)
	peer.why = why
	for token in pairs(peer.waiting) do
		skynet.wakeup(token)
	end
end

local function sleep_for(peer, centiseconds)
	local token = {}
	peer.waiting[token] = true
	skynet.wakeup(peer) -- it may have slept because nobody needed it
	skynet.sleep(centiseconds, token)
	peer.waiting[token] = nil
end

-- The multicastd of the peer; yields if it is not known. Raises when it is not to be had.
local function reach(peer)
	peer.why = nil
	if not peer.handle and not peer.linked then
		sleep_for(peer, LINK_PATIENCE)
	end
	if not peer.handle and peer.linked and not peer.why then
		sleep_for(peer, PATIENCE)
	end
	if not peer.handle then
		error(("node %d, which has the channel, is not reached: %s"):format(peer.id,
			peer.why or peer.linked and "no answer" or "there is no link to it"), 0)
	end
	return peer.handle
end

-- Joins the channels of the list; those that do not exist are gone.
local function join(handle, list)
	for first = 1, #list, JOIN_MAX do
		local part = table.move(list, first, math.min(first + JOIN_MAX - 1, #list), 1, {})
		local unknown = skynet.calltimeout(PATIENCE, handle, "lua", "JOIN", part)
		for _, channel in ipairs(part) do
			if groups[channel] then
				groups[channel].joined = true
			end
		end
		for _, channel in ipairs(unknown) do
			gone(channel)
		end
	end
end

local function wanted(peer)
	local list = {}
	for channel in pairs(peer.channels) do
		list[#list + 1] = channel
	end
	return list
end

-- Finds the multicastd there and joins everything that is wanted of it.
local function meet(peer)
	local handle = skynet.calltimeout(PATIENCE, name_of(peer.id), "lua", "MEET")
	assert(math.type(handle) == "integer" and skynet.harbor(handle) == peer.id,
		"a handle of another node")
	join(handle, wanted(peer))
	peer.handle = handle
	for _, channel in ipairs(wanted(peer)) do
		if groups[channel].lost then
			groups[channel].lost = nil
			tell_some(channel, "back")
		end
	end
end

local function lost(peer, why)
	peer.handle = nil
	for channel in pairs(peer.channels) do
		groups[channel].joined = nil
		groups[channel].lost = true
		tell_some(channel, "lost", why)
	end
end

-- One session with the peer: from finding it to its end. Returns how long it lasted, in
-- centiseconds.
local function session(peer)
	harbor.connect(peer.id)
	peer.linked = true
	local ok, why = pcall(meet, peer)
	local began = skynet.now()
	changed(peer, not ok and tostring(why) or nil)
	if ok then
		ok, why = pcall(skynet.call, peer.handle, "debug", "LINK")
		lost(peer, tostring(why))
	end
	return skynet.now() - began
end

-- The task of a peer. It sleeps while nobody needs the peer, and between tries that fail.
function attend(peer)
	local pause = 0
	while true do
		while not is_needed(peer) do
			skynet.wait(peer)
		end
		local ok, lasted = pcall(session, peer)
		peer.linked = nil
		pause = ok and lasted >= PAUSE_MAX and 0 or math.min(2 * pause + 10, PAUSE_MAX)
		skynet.sleep(pause, peer)
	end
end

-- Nobody listens here any more.
local function leave(channel)
	local group, peer = groups[channel], peers[owner_of(channel)]
	if not group or #group.list > 0 or not peer then
		return
	end
	groups[channel] = nil
	peer.channels[channel] = nil
	if peer.handle then
		skynet.send(peer.handle, "lua", "LEAVE", channel)
	end
end

-- ---- messages ----

local function deliver_here(channel, source, msg, size)
	local group = groups[channel]
	if not group then
		return skynet.trash(msg or "", size or 0)
	end
	if core.push(group.list, source, channel, msg, size) > 0 then
		compact(group)
		leave(channel)
	end
end

local function deliver(channel, source, msg, size)
	local listening = own[channel]
	if not listening then
		return skynet.trash(msg or "", size or 0)
	end
	if next(listening) then
		local text = skynet.tostring(msg, size)
		for guest in pairs(listening) do
			skynet.send(guest.handle, "lua", "HEAR", channel, source, text)
		end
	end
	deliver_here(channel, source, msg, size)
end

-- ---- requests of this node's services ----

local command = {}

function command.NEW()
	local channel
	repeat
		last = last % 0x7fffff + 1
		channel = last << 8 | here
	until not own[channel]
	own[channel] = {}
	groups[channel] = new_group()
	return channel
end

-- Joins one channel that is new to us; undone when that fails.
local function subscribe_afar(group, peer, source, channel, wants_news)
	local is_new = add(group, source, wants_news)
	if group.joined then
		return
	end
	local ok, why = pcall(function()
		local handle = reach(peer)
		if groups[channel] == group and not group.joined then
			join(handle, { channel })
		end
	end)
	if not ok then
		if is_new and groups[channel] == group then
			remove(group, source)
			leave(channel)
		end
		error(why, 0)
	end
end

-- Returns whether the channel exists. Raises when its owner cannot be asked.
function command.SUB(source, channel, wants_news)
	assert(skynet.harbor(source) == here, "a listener of another node")
	if owner_of(channel) == here then
		if own[channel] then
			add(groups[channel], source, wants_news)
		end
		return own[channel] ~= nil
	end
	local peer = peer_of(channel)
	local group = groups[channel] or new_group()
	groups[channel] = group
	peer.channels[channel] = true
	subscribe_afar(group, peer, source, channel, wants_news)
	return groups[channel] == group
end

function command.UNSUB(source, channel)
	remove(assert(groups[channel], "the channel was deleted"), source)
	leave(channel)
end

-- Raises when the owner of the channel cannot be reached.
function command.PUB(source, channel, msg, size)
	assert(not select(2, skynet.harbor(source)), "a pointer from another node")
	if owner_of(channel) == here then
		deliver(channel, source, msg, size)
		return
	end
	local text = skynet.tostring(msg, size) or ""
	skynet.trash(msg or "", size or 0)
	skynet.send(reach(peer_of(channel)), "lua", "PUBLISH", channel, source, text)
end

function command.DEL(_, channel)
	if owner_of(channel) ~= here then
		skynet.send(reach(peer_of(channel)), "lua", "DEL", channel)
		return
	end
	for guest in pairs(own[channel] or {}) do
		guest.channels[channel] = nil
		skynet.send(guest.handle, "lua", "GONE", channel)
	end
	own[channel] = nil
	gone(channel)
end

-- ---- requests of the multicastd of other nodes ----

local function forget(guest)
	for channel in pairs(guest.channels) do
		own[channel][guest] = nil
	end
	if guests[guest.handle] == guest then
		guests[guest.handle] = nil
	end
end

-- It begins anew: what it heard through a link that broke it will join again. Returns our handle.
function command.MEET(manager)
	local sessions = (watchers[manager] or 0) + 1
	assert(sessions <= SESSIONS_MAX, "too many sessions that have no end")
	if guests[manager] then
		forget(guests[manager])
	end
	local guest = { handle = manager, channels = {} }
	guests[manager] = guest
	watchers[manager] = sessions
	skynet.fork(function()
		pcall(skynet.call, manager, "debug", "LINK")
		watchers[manager] = watchers[manager] > 1 and watchers[manager] - 1 or nil
		forget(guest)
	end)
	return skynet.self()
end

-- Returns those of the channels that do not exist.
function command.JOIN(manager, channels)
	local guest = assert(guests[manager], "the link broke in between")
	local unknown = {}
	for _, channel in ipairs(channels) do
		if own[channel] then
			own[channel][guest] = true
			guest.channels[channel] = true
		else
			unknown[#unknown + 1] = channel
		end
	end
	return unknown
end

function command.LEAVE(manager, channel)
	local guest = guests[manager]
	if guest and own[channel] then
		own[channel][guest] = nil
		guest.channels[channel] = nil
	end
end

function command.PUBLISH(manager, channel, source, text)
	assert(skynet.harbor(source) == skynet.harbor(manager), "a publisher of a third node")
	deliver(channel, source, text)
end

-- What only the owner of a channel may say about it.
local function from_owner(manager, channel)
	local peer = peers[owner_of(channel)]
	assert(peer and skynet.harbor(manager) == peer.id,
		"only the owner of a channel speaks for it")
end

function command.HEAR(manager, channel, source, text)
	from_owner(manager, channel)
	if groups[channel] then
		deliver_here(channel, source, text)
	else
		-- nobody listened any more while we joined
		skynet.send(manager, "lua", "LEAVE", channel)
	end
end

function command.GONE(manager, channel)
	from_owner(manager, channel)
	gone(channel)
end

-- ---- how others find us ----

-- By a global name, which is asked for until we have it: an earlier life of this node may still
-- hold it.
local function take_name()
	while not pcall(harbor.register, name_of(here)) do
		skynet.sleep(100)
	end
end

-- Programs may look into the datacenter, which forgets us when its node ends.
local function stay_known()
	while true do
		pcall(function()
			local center = harbor.queryname "DATACENTER"
			datacenter.set("multicast", here, skynet.self())
			skynet.call(center, "debug", "LINK")
		end)
		skynet.sleep(100)
	end
end

skynet.start(function()
	commands.serve { returns = command, source = true }
	if here ~= 0 then
		skynet.fork(take_name)
		harbor.watch(function() skynet.fork(take_name) end)
	end
	skynet.fork(stay_known)
end)
