-- SPDX-License-Identifier: MIT
-- federationrelay: on any node, what stands for another cluster of the federation: the "sender"
-- that skynet.cluster is given for it. It chooses a gateway of its own cluster and hands "req" and
-- "push" on to that one's federationlink in their sender's name: answers come from there, and if
-- the gateway dies the senders hear of it as of any node.
--
-- Which gateway is the first choice depends on the node, so the nodes of a cluster are spread over
-- its gateways. From another one it returns when the first choice is there again, and service by
-- service, so that a pair of services keeps its order: who has sent nothing for a while, when
-- nothing of it waits in the old gateway any more, goes by the new one, and so do those who have
-- not sent anything yet. Who never pauses stays.
local skynet = require "skynet"
local federation = require "skynet.cluster.federation"

local name, clusterd = ...
clusterd = math.tointeger(clusterd)

local PATIENCE <const> = 500     -- centiseconds for a gateway's word about its link
local WAITING_MAX <const> = 4096 -- messages while a gateway is looked for
local LOOK <const> = 200         -- centiseconds to the next look whether there is a better gateway
local PAUSE <const> = 3          -- looks during which a sender has been silent before it moves

local target           -- handle of a link or a clustersender, "self", or nil: unknown
local choosing = false
local waiting = {}     -- { source, session, block, size, tag } ... until it is known
local static = false   -- the program's own configuration has an address for the name
local watched = {}     -- links whose end we wait for
local home             -- a link by the gateway of our first choice, while we leave the target
local recent, older = {}, {} -- sender -> true: it has used the target lately, or somewhat before
local looks = 0        -- since recent was begun
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

-- The tag of a traced request goes in front of it, as its sender had sent it.
local function pass_tag(to, source, tag)
	if tag then
		skynet.redirect(to, source, "trace", 0, tag)
	end
end

-- The cluster is this one: who is meant is found here, and is not asked over the wire.
local function deliver_here(source, session, text, tag)
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
	pass_tag(handle, source, tag)
	skynet.redirect(handle, source, "lua", session, payload)
end

-- Where the messages of this sender go.
local function way_of(source)
	if home and not recent[source] and not older[source] then
		return home
	end
	recent[source] = true
	return target
end

local function hand_on(source, session, msg, size, tag)
	if target ~= "self" then
		local way = way_of(source)
		pass_tag(way, source, tag)
		skynet.redirect(way, source, "lua", session, msg, size)
		return
	end
	local text = skynet.tostring(msg, size)
	skynet.trash(msg, size)
	local ok, why = pcall(deliver_here, source, session, text, tag)
	if not ok then
		fail(source, session, tostring(why))
	end
end

-- ---- which gateway ----

-- The link is not to be used any more. What comes next goes by the other one, if there are two.
local function forget(link)
	if link == home then
		home = nil
	elseif link == target then
		target, home = home, nil
	end
end

-- Forgets the target when it ends, with its node or alone.
local function watch(handle)
	if watched[handle] then
		return
	end
	watched[handle] = true
	pcall(skynet.call, handle, "debug", "LINK")
	watched[handle] = nil
	forget(handle)
end

-- The gateway of the i-th choice.
local function gateway_of(gateways, i)
	return gateways[(skynet.harbor(skynet.self()) + i) % #gateways + 1]
end

local function ask_for_link(gateway)
	return pcall(skynet.calltimeout, PATIENCE, gateway, "lua", "link", name)
end

-- One link that is up, or nil and why there is none.
local function choose()
	if static then
		return skynet.call(clusterd, "lua", "sender", name)
	end
	local gateways = federation.gateways()
	local why = "no gateway of this cluster is there"
	for i = 1, #gateways do
		local ok, link, reason = ask_for_link(gateway_of(gateways, i))
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
			hand_on(m[1], m[2], m[3], m[4], m[5])
		else
			fail(m[1], m[2], why)
			skynet.trash(m[3], m[4])
		end
	end
	if math.type(found) == "integer" then
		skynet.fork(watch, found)
	end
end

-- ---- the way back ----

-- Whether the link has written all that it was given.
local function is_empty(link)
	local ok, status = pcall(skynet.calltimeout, PATIENCE, link, "lua", "status")
	return ok and status.queued == 0
end

-- Of a gateway that we would rather use than the target's: its handle, or nil.
local function better()
	local gateways = federation.gateways()
	local first = gateways[1] and gateway_of(gateways, 1)
	return first and first >> 24 ~= target >> 24 and first or nil
end

-- Whether those who have paused may move, now that the target can be left; it may have changed.
local function may_leave()
	local old, first = target, not static and better()
	if not first then
		return true -- nobody moves
	elseif not is_empty(old) then
		return false
	elseif not home then
		local ok, link = ask_for_link(first)
		if ok and link and target == old and not static then
			home = link
			skynet.fork(watch, link)
		end
	end
	return target == old
end

-- Those who have not used the target since the last turn are not known any more.
local function turn()
	looks, recent, older = 0, {}, recent
	if home and not next(older) then
		target, home = home, nil
	end
end

local function look()
	while true do
		skynet.sleep(LOOK)
		if math.type(target) == "integer" and may_leave() then
			looks = looks + 1
			if looks >= PAUSE then
				turn()
			end
		end
	end
end

-- ---- messages ----

local function on_message(session, source, msg, size)
	local tag = skynet.tracetag()
	skynet.ignoreret()
	if target then
		return hand_on(source, session, msg, size, tag)
	elseif #waiting >= WAITING_MAX then
		skynet.trash(msg, size)
		return fail(source, session, "too many messages wait for a gateway")
	end
	waiting[#waiting + 1] = { source, session, msg, size, tag }
	if not choosing then
		choosing = true
		skynet.fork(look_for_target)
	end
end

local function is_of(link, gateway)
	return math.type(link) == "integer" and link >> 24 == gateway >> 24
end

-- From federationd: the link is down. From clusterd: the program has configured the name itself.
local function on_system(_, source, what)
	if source == clusterd then
		static = what == "static"
		target, home = nil, nil
	elseif is_of(home, source) then
		forget(home)
	elseif is_of(target, source) then
		forget(target)
	end
end

skynet.register_protocol {
	name = "trace", id = skynet.PTYPE_TRACE, pack = function(text) return text end,
}

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

skynet.forward_type({ [skynet.PTYPE_LUA] = 250 }, function()
	skynet.fork(look)
end)
