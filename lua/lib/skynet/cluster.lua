-- SPDX-License-Identifier: MIT
-- skynet.cluster: calls to services of other nodes by the node's name, independent of the harbor
-- cluster and byte for byte what the original speaks.
--
-- A node's requests go through one service of ours, its clustersender. Until we know its handle,
-- calls and sends wait in one line, so a caller's messages leave in the order in which it made
-- them.
local skynet = require "skynet"

local cluster = {}

local clusterd
skynet.init(function()
	clusterd = skynet.uniqueservice "clusterd"
end)

local senders = {} -- node -> handle of its clustersender
local lines = {}   -- node -> tokens of those who wait for it, first come first

local function ask_for(node, line)
	local ok, sender, why = pcall(skynet.call, clusterd, "lua", "sender", node)
	if ok then
		senders[node] = sender
	else
		sender, why = nil, tostring(sender)
	end
	lines[node] = nil
	for _, token in ipairs(line) do
		token.sender, token.why, token.ready = sender, why, true
		skynet.wakeup(token)
	end
end

-- A place in the line of the node.
local function queue_for(node)
	local line = lines[node]
	if not line then
		line = {}
		lines[node] = line
		skynet.fork(ask_for, node, line)
	end
	local token = {}
	line[#line + 1] = token
	return token
end

-- Yields until the token's turn has come; ti centiseconds at most. The sender, or nil and why there
-- is none.
local function await(token, ti)
	if not token.ready then
		if not ti then
			skynet.wait(token)
		elseif skynet.sleep(ti, token) ~= "BREAK" then
			error("call failed: timeout", 0)
		end
	end
	return token.sender, token.why
end

local function sender_of(node, ti)
	local sender = senders[node]
	if sender and not lines[node] then
		return sender
	end
	skynet.checkwait()
	local why
	sender, why = await(queue_for(node), ti)
	if not sender then
		-- the text of the original, and the reason
		error(("dest address type (nil) must be a string or number. (%s)"):format(why), 0)
	end
	return sender
end

-- get_sender(node) -> handle. Yields until the node is known and answers; raises if it is absent,
-- down or refuses.
function cluster.get_sender(node)
	return sender_of(node)
end

local function note_trace(node)
	local tag = skynet.tracetag()
	if tag then
		skynet.tracelog(tag, "cluster " .. node)
	end
end

-- call(node, address, ...) -> the answer. address: handle; "@name", registered there; other string,
-- a name of the node. Raises "call failed: WHY".
function cluster.call(node, address, ...)
	local request = skynet.packstring(...)
	local sender = sender_of(node)
	note_trace(node)
	return skynet.call(sender, "lua", "req", address, request)
end

-- Ours: the same, but raises "call failed: timeout" after ti centiseconds, connecting and waiting
-- for the node included.
function cluster.calltimeout(ti, node, address, ...)
	local request = skynet.packstring(...)
	local till = skynet.now() + ti
	local sender = sender_of(node, ti)
	note_trace(node)
	local left = math.max(till - skynet.now(), 0)
	return skynet.calltimeout(left, sender, "lua", "req", address, request, nil, left)
end

-- send(node, address, ...): nobody hears of what becomes of it. Does not yield.
function cluster.send(node, address, ...)
	local request = skynet.packstring(...)
	local sender = senders[node]
	if sender and not lines[node] then
		skynet.send(sender, "lua", "push", address, request)
		return
	end
	local token = queue_for(node)
	skynet.fork(function()
		local found = await(token)
		if found then
			skynet.send(found, "lua", "push", address, request)
		end
	end)
end

-- query(node, name) -> the handle that was registered there. Raises.
function cluster.query(node, name)
	return skynet.call(sender_of(node), "lua", "req", 0, skynet.packstring(name))
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
