-- SPDX-License-Identifier: MIT
-- federationagent: in a gateway, the requests that come over one connection from a gateway of
-- another cluster. It finds who is meant in the registry of its own cluster and asks nobody else.
--
-- Requests reach their services in the order in which they came; what they do there is concurrent.
-- Bounded are requests under way, messages of which only a part has come, and answers that wait.
-- While more comes than is taken, the socket is not read.
local skynet = require "skynet"
local core = require "skynet.cluster.core"
local driver = require "skynet.socketdriver"
local socket = require "skynet.socket"
local federation = require "skynet.cluster.federation"
local streams = require "skynet.cluster.stream"

local daemon, fd, from = ...
daemon, fd = math.tointeger(daemon), math.tointeger(fd)

local HELLO_TIME <const> = 1000 -- centiseconds that the other has to say who it is
local HELLO_MAX <const> = 512   -- bytes of a frame before that

local terms          -- of federationd: { cluster =, node =, key_file =, calls =, bytes = }
local stream, inbox
local hello          -- until the other gateway is known
local peer           -- { cluster =, node = }, then
local tag            -- of the next request
local under_way = 0  -- requests that are not answered
local count = { requests = 0, sends = 0, refused = 0 }
local since = skynet.now()
local told = -100    -- skynet.now() of the last line about a message that was dropped

-- ---- answers ----

local function write_answer(session, ok, data, size)
	local fine, frames = pcall(core.packresponse, session, ok, data, size)
	if not fine then
		frames = core.packresponse(session, false, frames)
	end
	if type(frames) == "string" then
		stream:write(frames, session)
	else
		stream:write(table.remove(frames, 1), session, frames)
	end
end

local function answer(session, ok, data, size)
	if stream:queued() + (size or #data) > terms.bytes then
		count.refused = count.refused + 1
		local why = "cluster %s: the answer does not fit into the queue of its gateway"
		ok, data, size = false, why:format(terms.cluster), nil
	end
	write_answer(session, ok, data, size)
end

-- A send that is not delivered is told to the log alone, which it must not fill.
local function refuse(session, push, why)
	count.refused = count.refused + 1
	if not push then
		answer(session, false, why)
	elseif skynet.now() - told >= 100 then
		told = skynet.now()
		skynet.log("warning", ("federation: a message of cluster %s is dropped: %s")
			:format(peer.cluster, why))
	end
end

-- ---- requests ----

-- Address 0: the payload is a name, the answer its handle.
local function query(session, payload)
	local fine, name = pcall(skynet.unpack, payload)
	local handle = fine and type(name) == "string" and federation.find("@" .. name)
	answer(session, handle ~= nil and handle ~= false,
		handle and skynet.packstring(handle) or "name not found")
end

local function send(handle, session, payload)
	local ok, why = pcall(skynet.rawsend, handle, "lua", payload)
	if not ok then
		refuse(session, true, tostring(why))
	end
end

local function call(handle, session, payload, trace)
	local ok, msg, size
	if trace then
		pcall(skynet.rawsend, handle, "trace", trace)
		ok, msg, size = pcall(skynet.tracecall, trace, handle, "lua", payload)
	else
		ok, msg, size = pcall(skynet.rawcall, handle, "lua", payload)
	end
	under_way = under_way - 1
	if ok then
		answer(session, true, msg, size)
	else
		answer(session, false, tostring(msg))
	end
end

-- A task a request, in their order: none of them runs before all that has come is read.
local function on_request(address, session, push, payload)
	local trace = tag
	tag = nil
	local handle = type(address) == "string" and federation.find(address) or address
	if address == 0 then
		if not push then
			query(session, payload)
		end
	elseif type(handle) == "string" then
		refuse(session, push, ("cluster %s has no service %s")
			:format(terms.cluster, address))
	elseif push then
		count.sends = count.sends + 1
		skynet.fork(send, handle, session, payload)
	elseif under_way >= terms.calls then
		refuse(session, false, ("cluster %s: %d calls over this connection are under way")
			:format(terms.cluster, under_way))
	else
		count.requests = count.requests + 1
		under_way = under_way + 1
		skynet.fork(call, handle, session, payload, trace)
	end
end

local function greeted(cluster, node)
	peer = { cluster = cluster, node = node }
	skynet.send(daemon, "lua", "greeted", fd)
	skynet.error(("federation: gateway %s of cluster %s is here, from %s")
		:format(node, cluster, from))
end

-- Nothing but the hello. Returns why the connection is to end, or nil.
local function at_the_door(address, session, push, payload)
	local done, ok, reply = hello(address, not push and payload)
	if not push then
		write_answer(session, ok, reply)
	end
	if done then
		hello = nil
	elseif not ok then
		return reply
	end
end

-- What each frame is. Returns why the connection is to end, or nil.
local on = {}

function on.request(...)
	if hello then
		return at_the_door(...)
	end
	on_request(...)
end

function on.trace(text)
	tag = text
end

function on.refused(session, push, why)
	refuse(session, push, why)
end

function on.invalid(why)
	return ("an invalid frame (%s)"):format(why)
end

local function on_frame(body)
	if hello and (#body > HELLO_MAX or #body > 0 and body:byte() & 0x7f ~= 0) then
		return "this is a gateway: a hello is needed"
	end
	local function by_kind(kind, ...)
		if kind then
			return on[kind](...)
		end
	end
	return by_kind(inbox:feed(body))
end

-- ---- the connection ----

-- Until it ends; why.
local function serve()
	if not socket.start(fd) then
		return "it was closed there"
	end
	driver.writelimit(fd, 2 * terms.bytes)
	skynet.timeout(HELLO_TIME, function()
		if not peer then
			socket.shutdown(fd)
		end
	end)
	stream = streams.new(fd, "server", terms.key_file)
	return stream:each(on_frame)
end

local function name()
	return peer and ("gateway %s of cluster %s"):format(peer.node, peer.cluster) or from
end

local function run()
	local ok, why = pcall(serve)
	skynet.log(ok and peer and "info" or "warning",
		("federation: the connection of %s has ended: %s"):format(name(), tostring(why)))
	skynet.sleep(0) -- what was said to it last goes out
	pcall(socket.close, fd)
	skynet.exit()
end

skynet.register_protocol {
	name = "trace", id = skynet.PTYPE_TRACE, pack = function(text) return text end,
}

local function status()
	return {
		cluster = peer and peer.cluster, gateway = peer and peer.node, place = from,
		requests = count.requests, sends = count.sends, refused = count.refused,
		waiting = under_way, queued = stream and stream:queued() or 0,
		seconds = (skynet.now() - since) // 100,
	}
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what)
		assert(what == "status", "unknown command")
		skynet.retpack(status())
	end)
	terms = skynet.call(daemon, "lua", "terms")
	inbox = core.inbox(terms.bytes)
	hello = federation.accept(terms.cluster, terms.node, greeted)
	skynet.fork(run)
end)
