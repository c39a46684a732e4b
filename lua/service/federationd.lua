-- SPDX-License-Identifier: MIT
-- federationd: what makes a node a gateway of its harbor cluster. It listens for the gateways of
-- other clusters, has a federationlink to each, and is in the registry, where the relays of all
-- nodes find it. The node starts it when its configuration has a section federation.
local skynet = require "skynet"
local commands = require "skynet.commands"
local driver = require "skynet.socketdriver"
local socket = require "skynet.socket"
local harbor = require "skynet.harbor"
local queue = require "skynet.queue"
local federation = require "skynet.cluster.federation"
require "skynet.manager"

local FIRST_WAIT <const> = 200    -- centiseconds for the first try to connect
local CALLS_MAX <const> = 32768   -- requests under way that came over one connection
local CONNECTIONS_MAX <const> = 4096
local STRANGERS_MAX <const> = 512 -- of those, how many have not said who they are

local own, node = skynet.getenv "federation_cluster", skynet.getenv "nodename"
local queue_max = math.tointeger(skynet.getenv "federation_queue_max")
local key_file = skynet.getenv "federation_key_file"
local slot      -- our global name
local draining = false
local agents, connections = {}, 0 -- handle -> true, of those that others made
local strangers = {} -- { fd =, host =, gone = its place was taken }, the oldest first
local launch = queue() -- of an agent at a time: who is gone before his turn needs none
local told = -100 -- skynet.now() of the last line about a place that was taken
local links = {} -- cluster -> { handle =, up =, tried =, relays = { handle -> true }, tokens = }

-- ---- configuration ----

-- cluster -> its addresses, in the order of the configuration.
local function read_clusters()
	local clusters = {}
	for name, address in skynet.getenv "federation_clusters":gmatch "([^=;]+)=([^;]+)" do
		if name ~= own then
			local list = clusters[name] or {}
			clusters[name] = list
			list[#list + 1] = address
		end
	end
	return clusters
end

-- Gateways of one cluster begin with different gateways of the other.
local function rotated(list, by)
	local turned = {}
	for i = 1, #list do
		turned[i] = list[(by + i) % #list + 1]
	end
	return turned
end

local function centiseconds(key)
	return math.max(1, math.tointeger(skynet.getenv(key)) // 10)
end

local function begin_links(clusters)
	local dead = centiseconds "federation_dead_after"
	local terms = {
		cluster = own, node = node, key_file = key_file, queue = queue_max,
		beat = centiseconds "federation_heartbeat", dead = dead,
	}
	for name, addresses in pairs(clusters) do
		local handle = skynet.newservice("federationlink", name, skynet.self())
		links[name] = {
			handle = handle, up = false, tried = false, relays = {}, tokens = {},
		}
		terms.addresses = rotated(addresses, skynet.harbor(skynet.self()))
		skynet.call(handle, "lua", "begin", terms)
	end
end

-- ---- what links say ----

local command = {}

-- Its relays choose again.
local function send_away(link)
	for relay in pairs(link.relays) do
		skynet.send(relay, "system", "again")
	end
	link.relays = {}
end

local function changed(name, up)
	local link = links[name]
	if not link then
		return
	end
	local was = link.up
	link.up, link.tried = up, true
	for _, token in ipairs(link.tokens) do
		skynet.wakeup(token)
	end
	link.tokens = {}
	if was and not up then
		send_away(link)
	end
end

function command.up(_, name)
	changed(name, true)
end

function command.down(_, name)
	changed(name, false)
end

-- ---- what relays ask ----

-- Whether there is such a cluster: true, or false and why not.
function command.knows(_, name)
	if name == own or links[name] then
		return true
	end
	return false, ("no gateway of cluster %s knows a cluster of that name"):format(own)
end

-- The link to the cluster, for a relay of this cluster, which hears when it is down; "self" for
-- this cluster itself; or nil and why there is none.
function command.link(relay, name)
	if name == own then
		return "self"
	elseif draining then
		return nil, ("gateway %s is being drained"):format(node)
	end
	local link = links[name]
	if not link then
		return nil, select(2, command.knows(relay, name))
	end
	if not link.tried then
		local token = {}
		table.insert(link.tokens, token)
		skynet.sleep(FIRST_WAIT, token)
	end
	if not link.up then
		return nil, skynet.call(link.handle, "lua", "status").why
	end
	link.relays[relay] = true
	return link.handle
end

-- For harborctl: what this gateway is, its links, the connections that others have made to it.
function command.status()
	local out, into = {}, {}
	for _, link in pairs(links) do
		out[#out + 1] = skynet.call(link.handle, "lua", "status")
	end
	local handles = {}
	for agent in pairs(agents) do
		handles[#handles + 1] = agent
	end
	for _, agent in ipairs(handles) do
		local ok, state = pcall(skynet.call, agent, "lua", "status")
		into[#into + 1] = ok and state or nil
	end
	return { node = node, cluster = own, name = slot, links = out, connections = into }
end

-- ---- what agents ask ----

function command.terms()
	return {
		cluster = own, node = node, key_file = key_file,
		calls = CALLS_MAX, bytes = queue_max,
	}
end

-- The agent of that socket knows who is there. A number is used again: the newest is meant.
function command.greeted(_, fd)
	for i = #strangers, 1, -1 do
		if strangers[i].fd == fd then
			table.remove(strangers, i)
			break
		end
	end
end

-- ---- strangers ----

local function forget_stranger(stranger)
	for i, other in ipairs(strangers) do
		if other == stranger then
			return table.remove(strangers, i)
		end
	end
end

-- The oldest of the host from which most have come.
local function oldest_of_crowd()
	local count, most = {}, nil
	for _, stranger in ipairs(strangers) do
		local host = stranger.host
		count[host] = (count[host] or 0) + 1
		if not most or count[host] > count[most] then
			most = host
		end
	end
	for _, stranger in ipairs(strangers) do
		if stranger.host == most then
			return stranger
		end
	end
end

-- A crowd from one host takes the place of its own, not of others'.
local function new_stranger(fd, from)
	local new = { fd = fd, host = from:match "^(.*):%d+$" or from, gone = false }
	strangers[#strangers + 1] = new
	if #strangers > STRANGERS_MAX then
		local old = oldest_of_crowd()
		old.gone = true
		forget_stranger(old)
		driver.shutdown(old.fd)
		if skynet.now() - told >= 100 then
			told = skynet.now()
			skynet.log("warning", ("federation: connections from %s are ended: %d "
				.. "have not said who they are"):format(old.host, STRANGERS_MAX))
		end
	end
	return new
end

-- ---- start and end ----

-- What is under way is still answered; new requests of this cluster go by other gateways.
local function on_drain()
	local name = slot
	draining, slot = true, nil
	if name then
		pcall(harbor.release, name)
	end
	for _, link in pairs(links) do
		send_away(link)
	end
end

local function on_connection(fd, from)
	if connections >= CONNECTIONS_MAX then
		return socket.close_fd(fd)
	end
	connections = connections + 1
	local stranger = new_stranger(fd, from)
	local ok, handle = launch(function()
		if not stranger.gone then
			return pcall(skynet.newservice, "federationagent", skynet.self(), fd, from)
		end
	end)
	if ok then
		agents[handle] = true
		pcall(skynet.call, handle, "debug", "LINK") -- until it ends
		agents[handle] = nil
	else
		driver.shutdown(fd)
	end
	forget_stranger(stranger)
	connections = connections - 1
end

local function listen()
	local listener, ip, port = socket.listen(skynet.getenv "federation_listen")
	socket.start(listener, on_connection)
	skynet.error(("federation: this is a gateway of cluster %s, at %s:%d, %s")
		:format(own, ip, port, key_file and "with a key" or "without a key"))
end

skynet.register_protocol {
	name = "system", id = skynet.PTYPE_SYSTEM, pack = skynet.pack, unpack = skynet.unpack,
}

skynet.start(function()
	commands.serve { returns = command, source = true }
	listen()
	begin_links(read_clusters())
	skynet.register ".federation"
	skynet.fork(function()
		slot = federation.announce()
		harbor.watch(function()
			slot = not draining and federation.announce() or nil
		end)
	end)
	skynet.on_drain(on_drain, function()
		draining = false
		slot = slot or federation.announce()
	end)
end)
