-- SPDX-License-Identifier: MIT
-- multicastd: the channels of skynet.multicast on this node (lua-core.md 5.5).
--
-- A channel lives with the multicastd of its owner, the node whose harbor id is the low byte of its number. Messages go to the
-- owner, which gives them to its own listeners and one copy to each node that has any; so all hear one publisher in one
-- order. Everything towards one owner goes through one queue. A node that ends is taken out (debug command LINK).
local skynet = require "skynet"
local core = require "skynet.multicast.core"
local datacenter = require "skynet.datacenter"
local harbor = require "skynet.harbor"
local queue = require "skynet.queue"

local here = skynet.harbor(skynet.self())
local REJOIN_TRIES = 10 -- one a second
local SWEEP = 64       -- listeners of a channel before the dead among them are looked for

local own = {}         -- channel -> { managers of other nodes that listen -> true }
local groups = {}      -- channel, ours or not -> listeners of this node
local owners = {}      -- harbor id -> { run = queue, handle = its multicastd }
local watched = {}     -- multicastd of another node -> true

-- A random place to begin: channels of this node's last life are not taken for new ones.
math.randomseed(skynet.hpc(), skynet.self())
local last = math.random(0, 0x7fffff)

-- ---- listeners of this node ----

local function new_group()
	return { list = {}, index = {}, sweep_at = SWEEP }
end

local function compact(group)
	local list = {}
	group.index = {}
	for _, handle in ipairs(group.list) do
		if handle then
			list[#list + 1] = handle
			group.index[handle] = #list
		end
	end
	group.list = list
	group.sweep_at = math.max(SWEEP, 2 * #list)
end

local function add(group, handle)
	if group.index[handle] then
		return
	end
	if #group.list >= group.sweep_at then
		core.sweep(group.list)
		compact(group)
	end
	group.list[#group.list + 1] = handle
	group.index[handle] = #group.list
end

local function remove(group, handle)
	local i = group.index[handle]
	if i then
		local other = group.list[#group.list]
		group.list[i], group.index[other] = other, i
		group.list[#group.list], group.index[handle] = nil, nil
	end
end

-- ---- other nodes ----

local function owner_of(channel)
	local id = channel & 0xff
	local owner = id ~= here and (owners[id] or { run = queue() }) or nil
	owners[id] = owner
	return owner
end

local rejoin

-- It ended, or the link to it broke.
local function on_node_end(manager)
	watched[manager] = nil
	for _, managers in pairs(own) do
		managers[manager] = nil
	end
	local owner = owners[skynet.harbor(manager)]
	if owner and owner.handle == manager then
		owner.handle = nil
		for channel in pairs(groups) do
			if channel & 0xff == skynet.harbor(manager) then
				skynet.fork(rejoin, channel)
			end
		end
	end
end

local function watch(manager)
	if not watched[manager] then
		watched[manager] = true
		skynet.fork(function()
			pcall(skynet.call, manager, "debug", "LINK")
			on_node_end(manager)
		end)
	end
end

-- The multicastd of a node, or nil. Inside its queue.
local function find(owner, channel)
	if not owner.handle then
		local handle = datacenter.get("multicast", channel & 0xff)
		if not handle then
			return nil
		end
		owner.handle = handle
		watch(handle)
	end
	return owner.handle
end

-- Runs f(the owner's multicastd, or nil) in turn with all else towards that node.
local function with_owner(channel, f)
	local owner = owner_of(channel)
	return owner.run(function()
		return f(find(owner, channel))
	end)
end

-- Listens to the channel again, unless its owner does not know it any more or stays away.
function rejoin(channel)
	for _ = 1, REJOIN_TRIES do
		local ok, known = pcall(with_owner, channel, function(manager)
			return manager and skynet.call(manager, "lua", "JOIN", channel)
		end)
		if ok and known or not groups[channel] then
			return
		elseif ok then
			break
		end
		skynet.sleep(100)
	end
	groups[channel] = nil
end

-- Nobody listens here any more.
local function leave(channel)
	with_owner(channel, function(manager)
		local group = groups[channel]
		if group and #group.list == 0 then
			groups[channel] = nil
			if manager then
				skynet.send(manager, "lua", "LEAVE", channel)
			end
		end
	end)
end

-- ---- messages ----

local function deliver_here(channel, source, msg, size)
	local group = groups[channel]
	if not group then
		return
	end
	if core.push(group.list, source, channel, msg, size) > 0 then
		compact(group)
		if #group.list == 0 and not own[channel] then
			skynet.fork(leave, channel)
		end
	end
end

local function deliver(channel, source, msg, size)
	local managers = own[channel]
	if not managers then
		return skynet.trash(msg or "", size or 0)
	end
	if next(managers) then
		local text = skynet.tostring(msg, size)
		for manager in pairs(managers) do
			skynet.send(manager, "lua", "HEAR", channel, source, text)
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

function command.SUB(source, channel)
	if channel & 0xff == here then
		if own[channel] then
			add(groups[channel], source)
		end
		return
	end
	with_owner(channel, function(manager)
		if not groups[channel] then
			if not manager or not skynet.call(manager, "lua", "JOIN", channel) then
				return
			end
			groups[channel] = new_group()
		end
		add(groups[channel], source)
	end)
end

function command.UNSUB(source, channel)
	if channel & 0xff == here then
		remove(assert(groups[channel], "the channel was deleted"), source)
		return
	end
	with_owner(channel, function()
		remove(assert(groups[channel], "the channel was deleted"), source)
	end)
	leave(channel)
end

function command.PUB(source, channel, msg, size)
	assert(not select(2, skynet.harbor(source)), "a pointer from another node")
	if channel & 0xff == here then
		deliver(channel, source, msg, size)
		return
	end
	local text = skynet.tostring(msg, size) or ""
	skynet.trash(msg or "", size or 0)
	with_owner(channel, function(manager)
		if manager then
			skynet.send(manager, "lua", "PUBLISH", channel, source, text)
		end
	end)
end

function command.DEL(_, channel)
	if channel & 0xff ~= here then
		with_owner(channel, function(manager)
			if manager then
				skynet.send(manager, "lua", "DEL", channel)
			end
		end)
		return
	end
	for manager in pairs(own[channel] or {}) do
		skynet.send(manager, "lua", "GONE", channel)
	end
	own[channel] = nil
	groups[channel] = nil
end

-- ---- requests of the multicastd of other nodes ----

function command.JOIN(manager, channel)
	if not own[channel] then
		return false
	end
	own[channel][manager] = true
	watch(manager)
	return true
end

function command.LEAVE(manager, channel)
	if own[channel] then
		own[channel][manager] = nil
	end
end

function command.PUBLISH(_, channel, source, text)
	deliver(channel, source, text)
end

function command.HEAR(_, channel, source, text)
	deliver_here(channel, source, text)
end

function command.GONE(_, channel)
	groups[channel] = nil
end

-- Other nodes find us in the datacenter, which forgets us when its node ends.
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
	skynet.dispatch("lua", function(session, source, name, ...)
		local f = assert(command[name], "unknown command")
		if session == 0 then
			f(source, ...)
		else
			skynet.retpack(f(source, ...))
		end
	end)
	-- Known before the first channel is; unless the master is away.
	pcall(skynet.calltimeout, 500, "DATACENTER", "lua", "UPDATE", "multicast", here, skynet.self())
	skynet.fork(stay_known)
end)
