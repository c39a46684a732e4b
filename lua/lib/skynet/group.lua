-- SPDX-License-Identifier: MIT
-- Groups: services of many nodes under one name. The members are known to every node, and asking
-- for them waits for nobody; who joins and leaves waits for the master.
local skynet = require "skynet"
local core = require "skynet.group.core"

local group = { join = core.join, leave = core.leave }

-- The handles of all members, in their order.
function group.members(name)
	return (core.members(name))
end

local function any(list)
	return list[math.random(1, math.max(1, #list))]
end

-- One of the members, if possible on a node that does not drain; nil: there is none.
function group.random(name)
	return any((core.members(name, true)))
end

-- The members, those of each node together: { { id =, distance = ns or nil, ... handles } ... }
local function by_node(list)
	local nodes = {}
	for _, handle in ipairs(list) do
		local node, id = nodes[#nodes], handle >> 24
		if not node or node.id ~= id then
			node = { id = id, distance = core.distance(id) }
			nodes[#nodes + 1] = node
		end
		node[#node + 1] = handle
	end
	return nodes
end

-- One of the members of this node; if there is none, of the node to which a message takes the
-- shortest time. A node without a link comes last; one that drains counts when all do.
function group.nearest(name)
	local best
	for _, node in ipairs(by_node((core.members(name, true)))) do
		local nearer = not best or not best.distance
			or node.distance and node.distance < best.distance
		if nearer then
			best = node
		end
	end
	return best and any(best)
end

-- A number that depends on every bit of n.
local function mix(n)
	n = (n ~ n >> 30) * 0xbf58476d1ce4e5b9
	n = (n ~ n >> 27) * 0x94d049bb133111eb
	return n ~ n >> 31
end

local function hash(text)
	local h <const> = 0x100000001b3
	local sum = 0xcbf29ce484222325
	for i = 1, #text do
		sum = (sum ~ text:byte(i)) * h
	end
	return sum
end

-- The member for a key: the same one on every node, for as long as it is a member; when another
-- comes or goes only the keys move that are its own. (Each member draws a number for the key, and
-- the highest wins.) It may be on a node that drains: what it has of the key goes when it goes.
function group.pick(name, key)
	local seed = math.type(key) == "integer" and mix(key) or hash(tostring(key))
	local best, highest
	for _, handle in ipairs((core.members(name))) do
		local draw = mix(seed ~ mix(handle))
		if not best or math.ult(highest, draw) then
			best, highest = handle, draw
		end
	end
	return best
end

-- Sends one message to every member, and packs it once. Returns how many took it.
function group.send(name, ...)
	local message, n = skynet.packstring(...), 0
	for _, handle in ipairs((core.members(name))) do
		if skynet.rawsend(handle, "lua", message) then
			n = n + 1
		end
	end
	return n
end

local function tell(f, what, handle)
	local ok, why = xpcall(f, debug.traceback, what, handle)
	if not ok then
		skynet.error(why)
	end
end

-- Calls f("join", handle) for every member that there is and that comes, and f("leave", handle) for
-- every one that goes, one after the other in a task of its own. Returns a function that ends it.
function group.watch(name, f)
	local on = true
	core.members(name) -- is the name valid?
	skynet.fork(function()
		local known = {}
		while on do
			local list, version = core.members(name)
			local now = {}
			for _, handle in ipairs(list) do
				now[handle] = true
			end
			for handle in pairs(known) do
				if on and not now[handle] then
					tell(f, "leave", handle)
				end
			end
			for _, handle in ipairs(list) do
				if on and not known[handle] then
					tell(f, "join", handle)
				end
			end
			known = now
			core.wait(name, version)
		end
	end)
	return function()
		on = false
	end
end

return group
