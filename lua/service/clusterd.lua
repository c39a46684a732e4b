-- SPDX-License-Identifier: MIT
-- clusterd: what a node knows of the others, and the names it has for them. One per process.
--
-- config[name] is an address, or false: declared down. A node that a caller asked for has a peer:
-- its clustersender and a queue in which the sender is told its address, so that two changes cannot
-- overtake each other.
local skynet = require "skynet"
local commands = require "skynet.commands"
local queue = require "skynet.queue"
local agents = require "skynet.cluster.agents"
local federation = require "skynet.cluster.federation"
local harbor = require "skynet.harbor"

local config = {}
local options = {}    -- of "__name" in the configuration
local peers = {}      -- node -> { run = queue, handle =, ok = has it been connected }
local looking = false -- for gateways, for those who wait
local waiting = {}    -- node -> tokens of those who wait for its address
local handles = {}    -- registered name -> handle
local names = {}      -- handle -> registered name
local relays = {}     -- cluster of the federation -> handle of its federationrelay
local making_relay = queue()
local configured = false -- the program has a cluster configuration of its own
local proxies = {}    -- "node" .. address -> { run = queue, handle = }

local command = {}

-- "host:port", "[v6]:port" -> host, port
local function split(address)
	local host, port = address:match "^%[(.-)%]:(%d+)$"
	if not host then
		host, port = address:match "^([^:]+):(%d+)$"
	end
	if not host then
		error(("invalid cluster address %q: host:port is wanted"):format(address), 0)
	end
	return host, math.tointeger(port)
end

-- ---- configuration ----

local function load_file()
	local file = skynet.getenv "cluster"
	if not file then
		return {}
	end
	local f <close>, why = io.open(file, "rb")
	if not f then
		local relative = file:sub(1, 1) ~= "/"
		error(("env.cluster: %s%s"):format(why, relative
			and ": a relative path begins where the node was started" or ""), 0)
	end
	local found = {}
	assert(load(f:read "a", "@" .. file, "t", found))()
	return found
end

local function check(found)
	for name, address in pairs(found) do
		assert(type(name) == "string",
			"a key of the cluster configuration must be a string")
		if name == "__key" then
			assert(not address or type(address) == "string" and #address > 0,
				"__key: a string or false is wanted")
			if address then
				require "skynet.crypt" -- raises here when OpenSSL is not there
			end
		end
		if name:sub(1, 2) ~= "__" and address ~= false then
			assert(type(address) == "string",
				("cluster node %s: an address or false is wanted"):format(name))
			split(address)
		end
	end
end

local function wake(name)
	local tokens = waiting[name]
	waiting[name] = nil
	for _, token in ipairs(tokens or {}) do
		skynet.wakeup(token)
	end
end

-- Tells the node's sender where it is now; true when it is connected, else false and why. In the
-- queue of the peer.
local function tell(peer, name)
	local address = config[name]
	if not peer.handle then
		if not address then
			return false, "cluster node [" .. name .. "] is down"
		end
		peer.handle = skynet.newservice("clustersender", (name:gsub("%s", "_")),
			split(address))
	end
	peer.told = address
	local why
	if address then
		local host, port = split(address)
		peer.ok, why = skynet.call(peer.handle, "lua", "changenode", host, port, options)
	else
		peer.ok, why = skynet.call(peer.handle, "lua", "changenode", false)
	end
	return peer.ok, why
end

local function apply(found)
	check(found)
	configured = configured or next(found) ~= nil
	local changed = false
	for name, address in pairs(found) do
		if name:sub(1, 2) == "__" then
			local option = name:sub(3)
			changed = changed or options[option] ~= address
			options[option] = address
			skynet.error(("Config %s = %s")
				:format(option, option == "key" and "..." or tostring(address)))
		end
	end
	for _, peer in pairs(changed and peers or {}) do
		if peer.handle then
			skynet.send(peer.handle, "lua", "options", options)
		end
	end
	for name, address in pairs(found) do
		if name:sub(1, 2) ~= "__" and config[name] ~= address then
			config[name] = address
			if waiting[name] then
				skynet.error(("Cluster node [%s] resloved : %s")
					:format(name, tostring(address)))
			end
			if relays[name] then
				skynet.send(relays[name], "system", "static")
			end
			local peer = peers[name]
			if peer and peer.handle then
				-- in the background: the node may be far, or not there yet
				skynet.fork(peer.run, function()
					if peer.told ~= config[name] then
						tell(peer, name)
					end
				end)
			end
			wake(name)
		end
	end
	if options.nowaiting then
		for name in pairs(waiting) do
			wake(name)
		end
	end
end

function command.reload(_, found)
	apply(found or load_file())
end

-- ---- other nodes ----

-- Of a name that the program has no address for: the relay that stands for another cluster of the
-- federation, or nil and why there is none. Without a reason: this cluster has no gateway just now.
local function federated(name)
	if relays[name] then
		return relays[name]
	end
	local known, why = false, nil
	for _, gateway in ipairs(federation.gateways()) do
		local ok, yes, reason = pcall(skynet.calltimeout, 500, gateway, "lua", "knows",
			name)
		known = known or ok and yes
		why = ok and reason or yes
	end
	if not known then
		return nil, why
	end
	making_relay(function()
		relays[name] = relays[name]
			or skynet.newservice("federationrelay", name, skynet.self())
	end)
	return relays[name]
end

-- While somebody waits for a name: a gateway that comes may know it.
local function look_for_gateways()
	looking = true
	while next(waiting) do
		skynet.sleep(100)
		if federation.gateways()[1] then
			for name in pairs(waiting) do
				wake(name)
			end
		end
	end
	looking = false
end

-- The address of the node, which may have to become known first; false or nil: there is none. Or
-- nil and a relay, or nil, nil and why.
local function resolve(name)
	while config[name] == nil do
		local relay, why = federated(name)
		if relay or why and not configured then
			return nil, relay, why
		elseif options.nowaiting then
			skynet.error(("cluster node [%s] is absent."):format(name))
			return nil
		end
		if not waiting[name] then
			skynet.error(("Waiting for cluster node [%s]"):format(name))
			waiting[name] = {}
		end
		local token = {}
		table.insert(waiting[name], token)
		if not why and not looking then
			skynet.fork(look_for_gateways)
		end
		skynet.wait(token)
	end
	return config[name]
end

-- Somebody met a sender, or a relay, that has ended; the one after it may have, too.
local function replace(name, ended)
	local peer = peers[name]
	local handle = peer and peer.handle
	local dead = handle and (handle == ended
		or not pcall(skynet.call, handle, "debug", "PING"))
	if dead and peer.handle == handle then
		peer.handle, peer.ok = nil, false
	end
	if relays[name] == ended then
		relays[name] = nil
	end
end

-- The sender of a node, connected at least once; or nil and why there is none. ended: one that the
-- caller has found to have ended, or nil.
function command.sender(_, name, ended)
	assert(type(name) == "string", "a node has a name")
	if ended then
		replace(name, ended)
	end
	local address, relay, absent = resolve(name)
	if relay then
		return relay
	elseif absent then
		return nil, ("cluster node [%s] is absent: %s"):format(name, absent)
	elseif address == nil then
		return nil, "cluster node [" .. name .. "] is absent"
	elseif not address then
		return nil, "cluster node [" .. name .. "] is down"
	end
	local peer = peers[name]
	if not peer then
		peer = { run = queue() }
		peers[name] = peer
	end
	if not peer.ok then
		local why
		peer.run(function()
			if not peer.ok then
				local _
				_, why = tell(peer, name)
			end
		end)
		if not peer.ok then
			return nil, why or "cluster node [" .. name .. "] does not answer"
		end
	end
	return peer.handle
end

function command.senders()
	local found = {}
	for name, peer in pairs(peers) do
		found[name] = peer.handle
	end
	return found
end

-- Until it ends, because somebody killed it: who asks then gets another.
local function watch_proxy(key, handle)
	pcall(skynet.call, handle, "debug", "LINK")
	proxies[key] = nil
end

function command.proxy(_, node, address)
	if address == nil then
		local all = node
		node, address = all:match "^([^@.]+)([@.].+)"
		if not node then
			error("Invalid name " .. all, 0)
		end
	end
	local key = ("%s %s %s"):format(node, type(address), tostring(address))
	local proxy = proxies[key]
	if not proxy then
		proxy = { run = queue() }
		proxies[key] = proxy
	end
	return proxy.run(function()
		if not proxy.handle then
			local handle = skynet.newservice "clusterproxy"
			skynet.call(handle, "system", node, address)
			proxy.handle = handle
			skynet.fork(watch_proxy, key, handle)
		end
		return proxy.handle
	end)
end

-- Whether calls of that name go to another cluster of the federation.
function command.federated(_, name)
	return config[name] == nil and federated(name) ~= nil
end

-- ---- names ----

-- Other clusters find what is registered here in the registry. Names that are not there yet:
-- nobody asks for them while this cluster has no gateway, or another node has the name.
local unpublished, publishing = {}, false -- name -> what the log said about it

local function publish_all()
	for name, told in pairs(unpublished) do
		local handle = handles[name]
		local known, owner = pcall(harbor.find, federation.published(name))
		if not handle then
			unpublished[name] = nil
		elseif not known or not owner then
			local ok, why = pcall(harbor.register, federation.published(name), handle)
			if not ok and told ~= why then
				skynet.error(("other clusters do not find [%s]: %s")
					:format(name, why))
			end
			local never = not known or not ok and why:find "no such service"
			unpublished[name] = not ok and not never and why or nil
		elseif told == "" and owner ~= handle then
			unpublished[name] = "taken"
			skynet.error(("other clusters find another service as [%s] :%08x")
				:format(name, owner))
		end
	end
end

local function publish(name)
	unpublished[name] = ""
	if publishing or skynet.harbor(skynet.self()) == 0 then
		return
	end
	publishing = true
	skynet.fork(function()
		while next(unpublished) do
			if federation.gateways()[1] then
				publish_all()
			end
			if next(unpublished) then
				skynet.sleep(100)
			end
		end
		publishing = false
	end)
end

-- While this node was cut off another one may have got the name: it is ours again when that one
-- gives it up.
local function on_lost(published)
	local name = federation.registered(published)
	if name and handles[name] then
		publish(name)
	end
end

local function unpublish(name, handle)
	if skynet.harbor(skynet.self()) ~= 0 and not unpublished[name] then
		skynet.fork(pcall, harbor.release, federation.published(name), handle)
	end
	unpublished[name] = nil
end

function command.register(source, name, handle)
	assert(type(name) == "string" and #name >= 1 and #name < 255, "invalid name")
	assert(handles[name] == nil, ("the name %s is in use"):format(name))
	handle = handle or source
	local old = names[handle]
	if old then
		handles[old] = nil
		unpublish(old, handle)
		agents.tell "namechange"
	end
	names[handle] = name
	handles[name] = handle
	publish(name)
	skynet.error(("Register [%s] :%08x"):format(name, handle))
end

function command.unregister(_, name)
	local handle = handles[name]
	if handle then
		handles[name] = nil
		names[handle] = nil
		unpublish(name, handle)
		skynet.error(("Unregister [%s] :%08x"):format(name, handle))
		agents.tell "namechange"
	end
end

-- What who connects to one of our agents must know, or nil.
function command.agentkey()
	return options.key or nil
end

function command.queryname(_, name)
	return handles[name]
end

-- ---- listening ----

function command.listen(_, address, port, maxclient)
	if port == nil then
		local own = config[address]
		if not own then
			error(("the cluster node %s has no address"):format(tostring(address)), 0)
		end
		address, port = split(own)
	end
	return agents.listen(address, port, maxclient)
end

skynet.register_protocol {
	name = "system", id = skynet.PTYPE_SYSTEM, pack = skynet.pack, unpack = skynet.unpack,
}

skynet.start(function()
	apply(load_file())
	if skynet.harbor(skynet.self()) ~= 0 then
		harbor.watch(on_lost)
	end
	commands.serve { returns = command, answers = { socket = agents.on_event }, source = true }
end)
