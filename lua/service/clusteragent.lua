-- SPDX-License-Identifier: MIT
-- clusteragent: the requests of one node that has connected to us. The gate gives the frames.
--
-- Requests reach their services in the order in which they came: one whose "@name" must be looked
-- up holds back those behind it. What they do there is concurrent.
local skynet = require "skynet"
local core = require "skynet.cluster.core"
local driver = require "skynet.socketdriver"
local queue = require "skynet.queue"
local key = require "skynet.cluster.key"

local clusterd, gate, fd = ...
clusterd, gate, fd = math.tointeger(clusterd), math.tointeger(gate), math.tointeger(fd)

local inbox = core.inbox()
local in_turn = queue()
local held = 0       -- requests in in_turn
local names = {}     -- "@name" -> handle, as clusterd said
local tag            -- of the next request
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
	local ok, msg, size
	if trace then
		pcall(skynet.rawsend, address, "trace", trace)
		ok, msg, size = pcall(skynet.tracecall, trace, address, "lua", payload)
	else
		ok, msg, size = pcall(skynet.rawcall, address, "lua", payload)
	end
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

local function on_request(address, session, push, payload)
	if door then
		return at_the_door(address, session, push, payload)
	end
	local trace = tag
	tag = nil
	if address == 0 then
		return not push and query(session, payload)
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

skynet.start(function()
	driver.writelimit(fd, WRITE_LIMIT)
	skynet.dispatch("lua", function(_, source, name)
		local f = source == clusterd and command[name] or nil
		if not f then
			error("unknown command")
		end
		f()
	end)
	local secret = skynet.call(clusterd, "lua", "agentkey")
	if secret then
		door = key.accept(secret)
		skynet.timeout(PATIENCE, function()
			if door then
				skynet.send(gate, "lua", "kick", fd)
			end
		end)
	end
	-- the peer may have gone meanwhile: clusterd will say so
	pcall(skynet.call, gate, "lua", "forward", fd)
end)
