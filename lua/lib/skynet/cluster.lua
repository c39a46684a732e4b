-- SPDX-License-Identifier: MIT
-- skynet.cluster: calls to services of other nodes by the node's name, independent of the harbor
-- cluster and byte for byte what the original speaks.
--
-- A node's requests go through one service of ours, its clustersender (skynet.cluster.senders).
local skynet = require "skynet"
local missed = require "skynet.cluster.missed"
local senders = require "skynet.cluster.senders"

local cluster = {}

local clusterd
skynet.init(function()
	clusterd = skynet.uniqueservice "clusterd"
end)

-- get_sender(node) -> handle. Yields until the node is known and answers; raises if it is absent,
-- down or refuses.
function cluster.get_sender(node)
	return senders.of(node)
end

local function note_trace(node)
	local tag = skynet.tracetag()
	if tag then
		skynet.tracelog(tag, "cluster " .. node)
	end
end

local results

-- last: a sender that has ended was replaced already.
local function ask(last, node, address, request)
	local sender = senders.of(node)
	note_trace(node)
	return results(last, node, address, request, sender,
		pcall(skynet.call, sender, "lua", "req", address, request))
end

function results(last, node, address, request, sender, ok, ...)
	if ok then
		return ...
	elseif senders.has_ended(node, sender, (...)) and not last then
		return ask(true, node, address, request)
	end
	error((...), 0)
end

-- call(node, address, ...) -> the answer. address: handle; "@name", registered there; other string,
-- a name of the node. Raises "call failed: WHY".
function cluster.call(node, address, ...)
	return ask(false, node, address, skynet.packstring(...))
end

-- Ours: the same, but raises "call failed: timeout" after ti centiseconds, connecting and waiting
-- for the node included.
function cluster.calltimeout(ti, node, address, ...)
	local request = skynet.packstring(...)
	local till = skynet.now() + ti
	local sender = senders.of(node, ti)
	note_trace(node)
	local left = math.max(till - skynet.now(), 0)
	return results(true, node, address, request, sender,
		pcall(skynet.calltimeout, left, sender, "lua", "req", address, request, nil, left))
end

local misses = {} -- node -> what is not sent to it for want of a sender

-- send(node, address, ...): nobody hears of what becomes of it. Does not yield.
function cluster.send(node, address, ...)
	local request = skynet.packstring(...)
	local sender = senders.now(node)
	if sender and skynet.send(sender, "lua", "push", address, request) ~= nil then
		return
	elseif sender then
		senders.forget(node, sender)
	end
	local token = senders.queue(node)
	skynet.fork(function()
		local found, why = senders.await(token)
		if not found or skynet.send(found, "lua", "push", address, request) == nil then
			misses[node] = misses[node] or missed.new(node)
			misses[node]:count(1, 0, why or "its sender has ended")
		end
	end)
end

-- query(node, name) -> the handle that was registered there. Raises.
function cluster.query(node, name)
	return ask(false, node, 0, skynet.packstring(name))
end

-- open(port[, maxclient]) or open(name of our own in the configuration[, maxclient]) -> ip, port.
-- Raises.
function cluster.open(port, maxclient)
	if type(port) == "string" then
		return skynet.call(clusterd, "lua", "listen", port, nil, maxclient)
	end
	return skynet.call(clusterd, "lua", "listen", "0.0.0.0", port, maxclient)
end

-- reload([table]): merges it; without: reads the file of the configuration again.
function cluster.reload(config)
	skynet.call(clusterd, "lua", "reload", config)
end

-- register(name[, handle = self]): other nodes reach it as "@name".
function cluster.register(name, handle)
	assert(type(name) == "string", "a name is a string")
	assert(handle == nil or type(handle) == "number", "a handle is a number")
	return skynet.call(clusterd, "lua", "register", name, handle)
end

function cluster.unregister(name)
	assert(type(name) == "string", "a name is a string")
	return skynet.call(clusterd, "lua", "unregister", name)
end

-- proxy(node, address) or proxy "node@name", "node.name" -> handle of a local service that stands
-- for it.
function cluster.proxy(node, address)
	return skynet.call(clusterd, "lua", "proxy", node, address)
end

-- snax(node, name[, handle]) -> snax object of a service there; default: the unique one of that
-- name.
function cluster.snax(node, name, handle)
	local snax = require "skynet.snax" -- few programs need it
	if not handle then
		-- of a whole cluster that is its one, of a node the node's
		local far = skynet.call(clusterd, "lua", "federated", node)
		handle = cluster.call(node, ".service", far and "GQUERY" or "QUERY", "snaxd", name)
	end
	return snax.bind(skynet.call(clusterd, "lua", "proxy", node, handle), name)
end

return cluster
