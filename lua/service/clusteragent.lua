-- SPDX-License-Identifier: MIT
-- clusteragent: the requests of one node that has connected to us. The gate gives the frames.
--
-- Requests reach their services in the order in which they came: one whose "@name" must be looked
-- up holds back those behind it. What they do there is concurrent.
--
-- In a gateway of a federation (federationd) the other node is a gateway of another cluster. Then
-- names are looked up in the registry, and requests under way and answers that wait are bounded.
local skynet = require "skynet"
local core = require "skynet.cluster.core"
local driver = require "skynet.socketdriver"
local queue = require "skynet.queue"
local key = require "skynet.cluster.key"
local federation = require "skynet.cluster.federation"

local clusterd, gate, fd = ...
clusterd, gate, fd = math.tointeger(clusterd), math.tointeger(gate), math.tointeger(fd)

local inbox = core.inbox()
local terms          -- of a gateway: { cluster =, node =, calls =, bytes = }
local under_way = 0  -- requests that are not answered
local count = { requests = 0, sends = 0, refused = 0 }
local peer           -- of a gateway: { cluster =, node = } that is there
local since = skynet.now()
local in_turn = queue()
local held = 0       -- requests in in_turn
local names = {}     -- "@name" -> handle, as clusterd said
local tag            -- of the next request
local told = -100    -- skynet.now() of the last line about a message that was dropped
local door           -- until the peer has shown that it knows the key
local PATIENCE <const> = 1000 -- centiseconds that it has for that
local DOOR_MAX <const> = 512  -- bytes of a frame before that
-- Bytes of answers that may wait for the other node: one of 256 MiB and what waits behind it.
local WRITE_LIMIT <const> = 512 * 1024 * 1024

-- ---- answers ----

local function answer(session, ok, data, size)
	local fine, frames = pcall(core.packresponse, session, ok, data, size)
	if not fine then
		frames = core.packresponse(session, false, frames)
	end
	if terms and driver.queued(fd) + (size or 0) > terms.bytes then
		count.refused = count.refused + 1
		local why = "cluster %s: the answer does not fit into the queue of its gateway"
		frames = core.packresponse(session, false, why:format(terms.cluster))
	end
	if type(frames) == "string" then
		driver.send(fd, frames)
	else
		for i = 1, #frames do
			driver.lsend(fd, frames[i])
		end
	end
end

-- ---- names ----

local function look_up(name)
	if terms then
		return federation.find(name)
	end
	local handle = names[name]
	if not handle then
		handle = skynet.call(clusterd, "lua", "queryname", name:sub(2))
		names[name] = handle
	end
	return handle
end

-- Address 0: the payload is a name, the answer its handle.
local function query(session, payload)
	local fine, name = pcall(skynet.unpack, payload)
	if not fine or type(name) ~= "string" then
		return answer(session, false, "Invalid name")
	end
	local handle = look_up("@" .. name)
	if handle then
		answer(session, true, skynet.packstring(handle))
	else
		answer(session, false, "name not found")
	end
end

-- ---- requests ----

local function deliver(address, session, push, payload, trace)
	if push then
		-- an address that is none is nobody's fault here
		local ok, why = pcall(skynet.rawsend, address, "lua", payload)
		if not ok then
			skynet.error(("cluster push to %s failed: %s")
				:format(skynet.address(address), why))
		end
		return
	end
	under_way = under_way + 1
	local ok, msg, size
	if trace then
		pcall(skynet.rawsend, address, "trace", trace)
		ok, msg, size = pcall(skynet.tracecall, trace, address, "lua", payload)
	else
		ok, msg, size = pcall(skynet.rawcall, address, "lua", payload)
	end
	under_way = under_way - 1
	if ok then
		answer(session, true, msg, size)
	else
		answer(session, false, tostring(msg))
	end
end

local function is_known(address)
	return type(address) == "number" or address:byte() ~= 64 or names[address]
end

-- Nothing but the key, until that is shown.
local function at_the_door(address, session, push, payload)
	local done, ok, reply = door(address, not push and payload)
	if not push then
		answer(session, ok, reply)
	end
	if done then
		door = nil
	elseif not ok then
		skynet.error(("clusteragent: %s, fd = %d is closed"):format(reply, fd))
		skynet.send(gate, "lua", "kick", fd)
	end
end

-- A stranger's frame must be small, and a request as a whole: nothing is kept for him.
local function fits_the_door(msg, size)
	return size <= DOOR_MAX and (size == 0 or skynet.tostring(msg, 1):byte() & 0x7f == 0)
end

-- What came over a gateway's connection: the handle that it is for, or nil and why it is refused.
local function admit(address, push)
	local handle = type(address) == "string" and federation.find(address) or address
	if type(handle) == "string" then
		return nil, ("cluster %s has no service %s"):format(terms.cluster, address)
	elseif not push and under_way >= terms.calls then
		return nil, ("cluster %s: %d calls over this connection are under way")
			:format(terms.cluster, under_way)
	end
	return handle
end

local function on_gateway(address, session, push, payload, trace)
	local handle, why = admit(address, push)
	local what = push and "sends" or "requests"
	count[what] = count[what] + 1
	if handle then
		return deliver(handle, session, push, payload, trace)
	end
	count.refused = count.refused + 1
	if not push then
		answer(session, false, why)
	elseif skynet.now() - told >= 100 then
		told = skynet.now()
		skynet.log("warning", ("federation: a message of cluster %s is dropped: %s")
			:format(peer.cluster, why))
	end
end

local function on_request(address, session, push, payload)
	if door then
		return at_the_door(address, session, push, payload)
	end
	local trace = tag
	tag = nil
	if address == 0 then
		return not push and query(session, payload)
	elseif terms then
		return on_gateway(address, session, push, payload, trace)
	end
	if held > 0 or not is_known(address) then
		held = held + 1
		local name = address
		in_turn(function()
			if type(name) == "string" and name:byte() == 64 then
				address = look_up(name)
			end
		end)
		held = held - 1
		if not address then
			-- a push in one frame is answered, too: session 0, which the peer logs
			if not push or session == 0 then
				answer(session, false, "Invalid name")
			end
			return
		end
	elseif names[address] then
		address = names[address]
	end
	deliver(address, session, push, payload, trace)
end

local on = { request = on_request }

function on.trace(text)
	tag = text
end

function on.refused(session, push, why)
	count.refused = count.refused + 1
	if push then
		skynet.error(("clusteragent: a push is refused: %s, fd = %d"):format(why, fd))
	else
		answer(session, false, why)
	end
end

function on.invalid(why)
	skynet.error(("clusteragent: invalid frame (%s), fd = %d is closed"):format(why, fd))
	skynet.send(gate, "lua", "kick", fd)
end

-- ---- the rest ----

skynet.register_protocol {
	name = "client",
	id = skynet.PTYPE_CLIENT,
	unpack = function(msg, size)
		if door and not fits_the_door(msg, size) then
			return "invalid", "a cluster key is needed"
		end
		return inbox:feed(msg, size)
	end,
	dispatch = function(_, _, what, ...)
		skynet.ignoreret() -- the session is the socket
		if what then
			on[what](...)
		end
	end,
}

skynet.register_protocol {
	name = "trace", id = skynet.PTYPE_TRACE, pack = function(text) return text end,
}

local command = {}

function command.exit()
	skynet.send(gate, "lua", "kick", fd)
	skynet.exit()
end

function command.namechange()
	names = {}
end

function command.status()
	skynet.retpack {
		cluster = peer and peer.cluster, gateway = peer and peer.node,
		requests = count.requests, sends = count.sends, refused = count.refused,
		waiting = under_way, queued = driver.queued(fd),
		seconds = (skynet.now() - since) // 100,
	}
end

skynet.start(function()
	driver.writelimit(fd, WRITE_LIMIT)
	skynet.dispatch("lua", function(_, source, name)
		local f = source == clusterd and command[name] or nil
		if not f then
			error("unknown command")
		end
		f()
	end)
	local secret
	secret, terms = skynet.call(clusterd, "lua", "agentkey")
	if secret then
		door = key.accept(secret)
	end
	if terms then
		inbox = core.inbox(terms.bytes)
		driver.writelimit(fd, 2 * terms.bytes)
		door = federation.accept(terms.cluster, terms.node, door, function(cluster, node)
			peer = { cluster = cluster, node = node }
			skynet.error(("federation: gateway %s of cluster %s is here, fd = %d")
				:format(node, cluster, fd))
		end)
	end
	if door then
		skynet.timeout(PATIENCE, function()
			if door then
				skynet.send(gate, "lua", "kick", fd)
			end
		end)
	end
	-- the peer may have gone meanwhile: clusterd will say so
	pcall(skynet.call, gate, "lua", "forward", fd)
end)
