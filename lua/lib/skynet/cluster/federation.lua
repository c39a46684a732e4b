-- SPDX-License-Identifier: MIT
-- skynet.cluster.federation: what the services of a federation share. A gateway is a node of a
-- harbor cluster with a connection to a gateway of each other cluster:
--
--   service > federationrelay  >harbor>  federationlink  >TCP>  federationagent  >harbor>  service
--   any node of cluster A                gateway of A           gateway of B          any node of B
--
-- The relay stands for the other cluster on its node; it chooses a gateway of its own cluster and
-- hands requests on in their senders' names, so answers, and the error when the gateway dies, go
-- past it. The link packs them for the wire of skynet.cluster, the agent finds who is meant in its
-- own cluster's registry. It asks nobody else, so a request crosses between clusters once.
local skynet = require "skynet"
local harbor = require "skynet.harbor"

local federation = {}

-- ---- gateways of this cluster ----

local GATEWAYS_MAX <const> = 16

-- The global name under which a gateway can be found: the first that is free.
local function slot(i)
	return "federation." .. i
end

-- The handles of the gateways that this node knows.
function federation.gateways()
	local found = {}
	for i = 1, GATEWAYS_MAX do
		found[#found + 1] = harbor.find(slot(i))
	end
	return found
end

-- Makes this service known as a gateway, for as long as it lives. Yields until it is.
function federation.announce()
	while true do
		local i, why, ok = 0, "is taken", nil
		while i < GATEWAYS_MAX and why:find "taken" do
			i = i + 1
			ok, why = pcall(harbor.register, slot(i))
			if ok then
				return slot(i)
			end
		end
		skynet.error("federation: this gateway is not in the registry: " .. tostring(why))
		skynet.sleep(100)
	end
end

-- ---- names of services ----

-- The name under which the registry of a harbor cluster has what a node registered by
-- cluster.register: it does not meet the program's own global names there.
function federation.published(name)
	return "@" .. name
end

-- The name that was registered and is published so, or nil.
function federation.registered(published)
	return published:match "^@(.+)"
end

-- The handle of a service of this cluster by the name that another one calls it by: "@name",
-- ".name" and "name" are the same, first what cluster.register has published, then the global
-- name. ".service" is the service manager of this gateway, which cluster.snax asks. Or nil.
function federation.find(name)
	if name == ".service" then
		return skynet.localname ".service"
	end
	name = name:match "^[@.](.*)" or name
	local ok, handle = pcall(harbor.find, federation.published(name))
	if not (ok and handle) then
		ok, handle = pcall(harbor.find, name)
	end
	return ok and handle or nil
end

-- ---- how two gateways meet ----
--
-- A connection, in TLS if there is a key (stream.lua), begins with one request to an address that
-- no service can have:
--
--   "hello", VERSION, from cluster, from node, to cluster   -> cluster, node

federation.ADDRESS = ".federation hello"

local VERSION <const> = 1

local function is_name(text)
	return type(text) == "string" and #text > 0 and #text < 64
end

-- As who connected to `wanted`: ask(address, ...) sends a request and returns the values of its
-- answer. Returns the node that is there. Raises.
function federation.greet(cluster, node, wanted, ask)
	local there, gateway = ask(federation.ADDRESS, "hello", VERSION, cluster, node, wanted)
	if there ~= wanted or not is_name(gateway) then
		error("it does not answer as a gateway does", 0)
	end
	return gateway
end

-- As the gateway `node` of `cluster`. The result is used as that of key.accept is; greeted(cluster,
-- node) is called when the other is known.
function federation.accept(cluster, node, greeted)
	return function(address, payload)
		local fine, what, version, from, from_node, to
		if address == federation.ADDRESS and payload then
			fine, what, version, from, from_node, to = pcall(skynet.unpack, payload)
		end
		if not fine or what ~= "hello" or not is_name(from) or not is_name(from_node) then
			return false, false, "this is a gateway: a hello is needed"
		elseif version ~= VERSION then
			return false, false, ("this gateway speaks version %d"):format(VERSION)
		elseif to ~= cluster then
			return false, false, ("this is a gateway of cluster %s, not of %s")
				:format(cluster, tostring(to):sub(1, 63))
		elseif from == cluster then
			return false, false, ("both clusters are called %s"):format(cluster)
		end
		greeted(from, from_node)
		return true, true, skynet.packstring(cluster, node)
	end
end

return federation
