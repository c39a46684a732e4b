-- SPDX-License-Identifier: MIT
-- skynet.db.redis.cluster: a client of a Redis cluster: commands by their key, over one connection
-- to each node.
--
-- Which node has a slot is known from CLUSTER SLOTS. When a node says that a slot has moved, that
-- slot is corrected at once and the map is read again before the next command, by one task, and
-- once in a second at most. The state is apart from the object that programs hold, so that the
-- tasks that wait for messages do not keep the object.
local skynet = require "skynet"
local redis = require "skynet.db.redis"
local socket_error = require "skynet.socketchannel".error
local core = require "skynet.db.redis.core"

local SLOTS <const> = 16384
local TRIES <const> = 16
local PAUSE <const> = 10 -- centiseconds before a try of the second half
local REFRESH <const> = 100 -- centiseconds between two readings of the map

local refused = {}
for _, name in ipairs { "info", "multi", "exec", "slaveof", "config", "shutdown" } do
	refused[name] = true
end

-- ---- nodes ----

local function node_of(host, port)
	host = host:match "^%[(.*)%]$" or host
	local shown = host:find(":", 1, true) and "[" .. host .. "]" or host
	return { host = host, port = port, name = shown .. ":" .. port }
end

local function named(node)
	return node.name and node or node_of(node.host, node.port or 6379)
end

local function conf_of(st, node, readonly)
	local opt = st.opt
	return {
		host = node.host,
		port = node.port,
		auth = opt.auth,
		username = opt.username,
		db = opt.db ~= 0 and opt.db or nil,
		overload = opt.overload,
		timeout = opt.timeout,
		maxreply = opt.maxreply,
		ssl = opt.ssl,
		readonly = readonly,
	}
end

local function drop_connection(st, name)
	local c = st.connections[name]
	if c then
		st.connections[name] = nil
		st.count = st.count - 1
		c.db:disconnect()
	end
end

-- The same, by the client, which may be the one for reading only.
local function drop_client(st, node, db)
	for _, name in ipairs { node.name, node.name .. " readonly" } do
		local c = st.connections[name]
		if c and c.db == db then
			drop_connection(st, name)
		end
	end
end

-- Room for one connection more: those that were not used for the longest time go.
local function make_room(st)
	while st.count >= st.max do
		local oldest
		for name, c in pairs(st.connections) do
			if not oldest or c.used < st.connections[oldest].used then
				oldest = name
			end
		end
		drop_connection(st, oldest)
	end
end

local function connection(st, node, readonly)
	local name = readonly and node.name .. " readonly" or node.name
	local c = st.connections[name]
	if not c then
		local db = redis.connect(conf_of(st, node, readonly))
		c = st.connections[name]
		if c then -- another task was faster
			db:disconnect()
		else
			make_room(st)
			c = { db = db }
			st.connections[name] = c
			st.count = st.count + 1
		end
	end
	st.tick = st.tick + 1
	c.used = st.tick
	return c.db
end

-- All nodes that are known, in an order by chance.
local function candidates(st)
	local seen, list = {}, {}
	local function add(node)
		if not seen[node.name] then
			seen[node.name] = true
			table.insert(list, math.random(#list + 1), node)
		end
	end
	for _, node in pairs(st.nodes) do
		add(node)
	end
	for _, node in ipairs(st.startup) do
		add(node)
	end
	return list
end

local function random_connection(st)
	for _, node in ipairs(candidates(st)) do
		local ok, db = pcall(connection, st, node)
		if ok then
			return db, node
		end
	end
	error("Can't reach a single startup node.", 0)
end

-- ---- the map of slots ----

-- The nodes of one range: { from, to, master, replica ... } of the server, asked at `asked`.
local function owner_of(range, asked, nodes)
	local owner = { replicas = {} }
	for i = 3, #range do
		local host, port = range[i][1], range[i][2]
		if not host or host == "" or host == "?" then
			host = asked.host
		end
		local node = node_of(host, port)
		node = nodes[node.name] or node
		nodes[node.name] = node
		if i == 3 then
			owner.master = node
		else
			table.insert(owner.replicas, node)
		end
	end
	return owner
end

-- Whether a server's word is a slot.
local function is_slot(n)
	return math.type(n) == "integer" and n >= 0 and n < SLOTS
end

-- Raises when the ranges are of slots that there are not.
local function take_map(st, ranges, asked)
	local slots, nodes = {}, {}
	for _, range in ipairs(ranges) do
		local from, to = range[1], range[2]
		if not (is_slot(from) and is_slot(to)) then
			error(("%s tells of slots %s to %s"):format(asked.name, from, to), 0)
		end
		local owner = owner_of(range, asked, nodes)
		for slot = from, to do
			slots[slot] = owner
		end
	end
	st.slots, st.nodes = slots, nodes
end

-- Reads the map from the first node that answers.
local function read_map(st)
	local why
	for _, node in ipairs(candidates(st)) do
		local ok, known = pcall(function()
			local ranges = connection(st, node):cluster "slots"
			local told = type(ranges) == "table" and #ranges > 0
			if told then
				take_map(st, ranges, node)
			end
			return told
		end)
		if ok and known then
			return
		elseif not ok and known ~= socket_error then
			why = tostring(known)
		end
	end
	if why then
		skynet.error("redis.cluster: no node tells its slots: " .. why)
	end
	error("Can't reach a single startup node.", 0)
end

local watch_connection

-- Subscribes at the nodes that have the slots now.
local function subscribe_anew(st, kind, names)
	for what in pairs(names) do
		local o = st.slots[core.keyslot(what)]
		local ok, why = pcall(function()
			local w = watch_connection(st, o.master)
			w[kind](w, what)
		end)
		if not ok then
			local text = "redis.cluster: the subscription to %s is lost: %s"
			skynet.error(text:format(what, tostring(why)))
		end
	end
end

-- Subscriptions at nodes that the cluster does not have any more go to others.
local function move_watches(st)
	local gone = {}
	for name, w in pairs(st.watches) do
		if not st.nodes[name] then
			gone[name] = w
		end
	end
	for name, w in pairs(gone) do
		st.watches[name] = nil
		subscribe_anew(st, "subscribe", w.channels)
		subscribe_anew(st, "psubscribe", w.patterns)
		w:disconnect()
	end
end

-- Reads the map; whoever comes meanwhile waits for the same answer.
local function refresh(st)
	local reading = st.reading
	if reading then
		local token = {}
		table.insert(reading, token)
		skynet.wait(token)
		return reading.ok or error(reading.why, 0)
	end
	reading = {}
	st.reading = reading
	reading.ok, reading.why = pcall(read_map, st)
	st.reading = nil
	st.read_at = skynet.now()
	for _, token in ipairs(reading) do
		skynet.wakeup(token)
	end
	if not reading.ok then
		error(reading.why, 0)
	end
	st.stale = false
	move_watches(st)
end

-- The owner of a slot, or nil.
local function owner(st, slot)
	if not next(st.slots) then
		refresh(st)
	elseif st.stale and skynet.now() - st.read_at >= REFRESH then
		pcall(refresh, st) -- the map of before is better than none
	end
	return st.slots[slot]
end

local function slot_connection(st, slot)
	local o = owner(st, slot)
	if not o then
		return random_connection(st)
	end
	local ok, db = pcall(connection, st, o.master)
	if ok then
		return db, o.master
	elseif st.opt.read_slave and #o.replicas > 0 then
		st.stale = true
		local replica = o.replicas[math.random(#o.replicas)]
		return connection(st, replica, true), replica
	end
	error(db, 0)
end

-- ---- commands ----

-- What slot the arguments of a command belong to; nil: any node will do.
local function slot_of(name, args)
	if name == "eval" or name == "evalsha" then
		local n = math.tointeger(tonumber(args[2])) or 0
		local slot
		for i = 3, 2 + n do
			local s = core.keyslot(tostring(args[i]))
			if slot and s ~= slot then
				error(name .. " - all keys must map to the same key slot", 0)
			end
			slot = s
		end
		return slot
	end
	if refused[name] or args[1] == nil then
		error("No way to dispatch this command to Redis Cluster: " .. name, 0)
	end
	return core.keyslot(tostring(args[1]))
end

-- One try. Returns true and the reply; false and the server's error; or nil and what was raised.
local function try(st, slot, target, chance, op)
	local raised, db, node
	if target then
		raised, db, node = pcall(connection, st, target)
		node = target
	elseif chance or not slot then
		raised, db, node = pcall(random_connection, st)
	else
		raised, db, node = pcall(slot_connection, st, slot)
	end
	if not raised then
		return nil, db
	end
	local ok, answers = pcall(db.pipeline, db, target and { { "ASKING" }, op } or { op }, {})
	if not ok then
		local gone = getmetatable(db) == nil -- another task has given it up
		if answers == socket_error and not gone then
			drop_client(st, node, db)
		end
		return nil, gone and socket_error or answers
	end
	local last = answers[#answers]
	return last.ok, last.out, node
end

-- "MOVED 5 host:port" and "ASK 5 host:port": the word, the slot and the node. A host that is not
-- said is that of the node which answered.
local function redirection(text, node)
	local word, slot, host, port = text:match "^(%u+) (%d+) (.*):(%d+)$"
	if (word == "MOVED" or word == "ASK") and is_slot(math.tointeger(tonumber(slot))) then
		host = host ~= "" and host or node.host
		return word, math.tointeger(tonumber(slot)), node_of(host, tonumber(port))
	end
	return text:match "^%u+"
end

-- A node has said where a slot is. Its replicas are known only if that is no news.
local function moved_to(st, slot, node)
	local before = st.slots[slot]
	if not before or before.master.name ~= node.name then
		st.slots[slot] = { master = node, replicas = {} }
	end
	st.nodes[node.name] = st.nodes[node.name] or node
	st.stale = true
end

local function has_replica(st, slot)
	local o = st.opt.read_slave and slot and st.slots[slot]
	return o and #o.replicas > 0
end

local passing = { TRYAGAIN = true, CLUSTERDOWN = true, LOADING = true, MASTERDOWN = true }

local function call(st, name, args)
	local slot = slot_of(name, args)
	local op = table.move(args, 1, args.n, 2, { name, n = args.n + 1 })
	local target, chance, last
	for n = 1, TRIES do
		if n > 1 and (n > TRIES / 2 or passing[last]) then
			skynet.sleep(PAUSE)
		end
		local ok, reply, node = try(st, slot, target, chance, op)
		target, chance = nil, false
		if ok then
			return reply
		elseif ok == nil then
			if reply ~= socket_error then
				error(reply, 0)
			end
			last, chance = "the connection was lost", not has_replica(st, slot)
			st.stale = true
		elseif type(reply) ~= "string" then
			error(reply, 0)
		else
			local word, moved, to = redirection(reply, node)
			last = to and reply or word
			if to and word == "MOVED" then
				moved_to(st, moved, to)
			elseif to then
				target = to
			elseif passing[word] then
				st.stale = true
			else
				error(reply, 0)
			end
		end
	end
	local text = "Too many Cluster redirections?,maybe node is disconnected (last: %s)"
	error(text:format(last), 0)
end

-- ---- subscriptions ----

-- Hands the messages of one node on until its connection is given up.
local function hand_on(st, name, w)
	while st.watches[name] == w do
		local ok, data, channel, pattern = pcall(w.message, w)
		if ok then
			local fine, why =
				xpcall(st.onmessage, debug.traceback, data, channel, pattern)
			if not fine then
				skynet.error("redis.cluster: onmessage: " .. tostring(why))
			end
		elseif data ~= socket_error then
			skynet.error("redis.cluster: " .. tostring(data))
		end
	end
end

function watch_connection(st, node)
	local w = st.watches[node.name]
	if not w then
		w = redis.watch(conf_of(st, node))
		if st.watches[node.name] then
			w:disconnect()
			return st.watches[node.name]
		end
		st.watches[node.name] = w
		skynet.fork(hand_on, st, node.name, w)
	end
	return w
end

local function watch_by_slot(st, slot)
	local o = owner(st, slot)
	if not o then
		error("redis.cluster: no node has slot " .. slot, 0)
	end
	return watch_connection(st, o.master)
end

local function close_all(st)
	local watches = st.watches
	st.watches = {}
	for _, w in pairs(watches) do
		w:disconnect()
	end
	for name in pairs(st.connections) do
		drop_connection(st, name)
	end
end

-- ---- what programs call ----

local cluster = {}

function cluster:call(name, ...)
	local args = table.pack(...)
	if type(args[1]) == "table" then
		local list = args[1]
		args = table.move(list, 1, list.n or #list, 1, { n = list.n or #list })
	end
	return call(self[1], name:lower(), args)
end

for _, name in ipairs { "subscribe", "unsubscribe", "psubscribe", "punsubscribe" } do
	cluster[name] = function(self, what, ...)
		if what == nil then
			error(("redis.cluster: %s needs a channel"):format(name), 2)
		end
		local w = watch_by_slot(self[1], core.keyslot(tostring(what)))
		w[name](w, what, ...)
	end
end

function cluster:keyslot(key)
	return core.keyslot(tostring(key))
end

function cluster:get_connection(node)
	return connection(self[1], named(node))
end

function cluster:get_connection_by_slot(slot)
	return (slot_connection(self[1], slot))
end

function cluster:get_random_connection()
	return (random_connection(self[1]))
end

function cluster:get_watch_connection(node)
	return watch_connection(self[1], named(node))
end

function cluster:get_watch_connection_by_slot(slot)
	return watch_by_slot(self[1], slot)
end

function cluster:initialize_slots_cache()
	refresh(self[1])
end

function cluster:flush_slots_cache()
	self[1].slots = {}
end

function cluster:close_existing_connection()
	make_room(self[1])
end

function cluster:close_all_connection()
	close_all(self[1])
end

local meta = {
	__index = function(_, name)
		local f = cluster[name]
		if f or type(name) ~= "string" then
			return f
		end
		return function(self, ...)
			return cluster.call(self, name, ...)
		end
	end,
	__gc = function(self)
		close_all(self[1])
	end,
}

local M = {}

-- new(startup_nodes, opt, onmessage) -> a client. Raises when no node answers.
function M.new(startup, opt, onmessage)
	if type(startup) ~= "table" then
		error("redis.cluster: new needs a node { host =, port = } or an array of them", 2)
	end
	opt = opt or {}
	local st = {
		startup = {},
		opt = opt,
		onmessage = onmessage or function() end,
		max = opt.max_connections or 256,
		connections = {},
		count = 0,
		tick = 0,
		watches = {},
		slots = {},
		nodes = {},
		stale = false,
		read_at = 0,
	}
	for i, node in ipairs(startup.host and { startup } or startup) do
		st.startup[i] = named(node)
	end
	refresh(st)
	return setmetatable({ st }, meta)
end

return M
