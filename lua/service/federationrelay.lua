-- SPDX-License-Identifier: MIT
-- federationrelay: on any node, what stands for another cluster of the federation: the "sender"
-- that skynet.cluster is given for it. It chooses a gateway of its own cluster and hands "req" and
-- "push" on to that one's federationlink in their sender's name: answers come from there, and if
-- the gateway dies the senders hear of it as of any node.
--
-- It stays with a gateway until that is gone or has lost the other cluster, so a pair of services
-- keeps its order. Which one it begins with depends on the node, so the nodes of a cluster are
-- spread over its gateways.
local skynet = require "skynet"
local federation = require "skynet.cluster.federation"

local name, clusterd = ...
clusterd = math.tointeger(clusterd)

local PATIENCE <const> = 500     -- centiseconds for a gateway's word about its link
local WAITING_MAX <const> = 4096 -- messages while a gateway is looked for

local target           -- handle of a link or a clustersender, "self", or nil: unknown
local choosing = false
local waiting = {}     -- { source, session, block, size } ... until it is known
local static = false   -- the program's own configuration has an address for the name
local watched = {}     -- links whose end we wait for
local dropped, telling = 0, false

-- ---- delivery ----

local function drop(why)
	dropped = dropped + 1
	if not telling then
		telling = true
		skynet.timeout(100, function()
			skynet.log("warning", ("cluster %s: %d messages were dropped: %s")
				:format(name, dropped, why))
			dropped, telling = 0, false
		end)
	end
end

local function fail(source, session, why)
	if session > 0 then
		skynet.redirect(source, skynet.self(), "error", session, why)
	else
		drop(why)
	end
end

-- The cluster is this one: who is meant is found here, and is not asked over the wire.
local function deliver_here(source, session, text)
	local _, address, payload = skynet.unpack(text)
	local handle = address
	if address == 0 then
		handle = federation.find((skynet.unpack(payload)))
		return handle and skynet.redirect(source, 0, "response", session,
			skynet.packstring(handle)) or fail(source, session, "name not found")
	elseif type(address) == "string" then
		handle = federation.find(address)
	end
	if math.type(handle) ~= "integer" then
		return fail(source, session, ("cluster %s has no service %s")
			:format(name, tostring(address)))
	end
	skynet.redirect(handle, source, "lua", session, payload)
end

local function hand_on(source, session, msg, size)
	if target ~= "self" then
		skynet.redirect(target, source, "lua", session, msg, size)
		return
	end
	local text = skynet.tostring(msg, size)
	skynet.trash(msg, size)
	local ok, why = pcall(deliver_here, source, session, text)
	if not ok then
		fail(source, session, tostring(why))
	end
end

-- ---- which gateway ----

-- Forgets the target when it ends, with its node or alone.
local function watch(handle)
	if watched[handle] then
		return
	end
	watched[handle] = true
	pcall(skynet.call, handle, "debug", "LINK")
	watched[handle] = nil
	if target == handle then
		target = nil
	end
end

-- One link that is up, or nil and why there is none.
local function choose()
	if static then
		return skynet.call(clusterd, "lua", "sender", name)
	end
	local gateways = federation.gateways()
	local why = "no gateway of this cluster is there"
	local first = skynet.harbor(skynet.self())
	for i = 1, #gateways do
		local gateway = gateways[(first + i) % #gateways + 1]
		local ok, link, reason = pcall(skynet.calltimeout, PATIENCE, gateway, "lua", "link",
			name)
		if ok and link then
			return link
		end
		why = ok and reason or tostring(link):gsub("^call failed: ", "")
	end
	return nil, ("cluster %s: %s"):format(name, why)
end

local function look_for_target()
	local ok, found, why = pcall(choose)
	if not ok then
		found, why = nil, tostring(found)
	end
	target, choosing = found, false
	local line = waiting
	waiting = {}
	for _, m in ipairs(line) do
		if found then
			hand_on(table.unpack(m))
		else
			fail(m[1], m[2], why)
			skynet.trash(m[3], m[4])
		end
	end
	if math.type(found) == "integer" then
		skynet.fork(watch, found)
	end
end

-- ---- messages ----

local function on_message(session, source, msg, size)
	skynet.ignoreret()
	if target then
		return hand_on(source, session, msg, size)
	elseif #waiting >= WAITING_MAX then
		skynet.trash(msg, size)
		return fail(source, session, "too many messages wait for a gateway")
	end
	waiting[#waiting + 1] = { source, session, msg, size }
	if not choosing then
		choosing = true
		skynet.fork(look_for_target)
	end
end

-- From federationd: the link is down. From clusterd: the program has configured the name itself.
local function on_system(_, source, what)
	if source == clusterd then
		static = what == "static"
	end
	target = nil
end

skynet.register_protocol {
	name = "system",
	id = skynet.PTYPE_SYSTEM,
	unpack = skynet.unpack,
	dispatch = on_system,
}

-- "lua" is there from the start with an unpack of its own, so requests of it arrive as this type.
-- A message is ours to hand on or to free.
skynet.register_protocol {
	name = "raw",
	id = 250,
	unpack = function(msg, size) return msg, size end,
	dispatch = on_message,
}

skynet.forward_type({ [skynet.PTYPE_LUA] = 250 }, function() end)
