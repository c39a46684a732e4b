-- SPDX-License-Identifier: MIT
-- skynet.db.redis.cluster against three real masters and a replica: slots, redirections, lost
-- nodes, subscriptions; against scripted nodes: redirections without end, nodes named by IPv6.
local skynet = require "skynet"
local socket = require "skynet.socket"
local redis = require "skynet.db.redis"
local cluster = require "skynet.db.redis.cluster"
local tap = require "tap"
local server = require "redis_server"
local equal, raises = tap.equal, tap.raises

if not server.there() then
	print "ok 1 - redis cluster # SKIP the package redis-tools is not installed"
	print "1..1"
	require "skynet.manager"
	skynet.start(function() skynet.abort() end)
	return
end

local OPTIONS <const> = "--cluster-enabled yes --cluster-node-timeout 1000 --appendonly no "
	.. "--repl-ping-replica-period 1 --repl-diskless-sync-delay 0 "
	.. "--cluster-replica-validity-factor 0"
local SIZE <const> = 5461
local all, c = {}, nil

local function client(s)
	return redis.connect { host = "127.0.0.1", port = s.port }
end

-- Key number i that lies on node n.
local function key_on(n, i)
	for k = i * 100000, i * 100000 + 1000 do
		local slot = c:keyslot("k" .. k)
		if slot // SIZE == n - 1 then
			return "k" .. k
		end
	end
end

local function settled(s, count)
	tap.until_true("the cluster", function()
		local info = s.db:cluster "info"
		return info:find "cluster_state:ok" and info:find("cluster_known_nodes:" .. count)
	end)
end

local function build()
	for i = 1, 4 do
		all[i] = server.start(OPTIONS .. " --cluster-port " .. server.free_port())
		all[i].db = client(all[i])
		all[i].id = all[i].db:cluster "myid"
	end
	for i = 1, 3 do
		all[i].db:cluster("addslotsrange", (i - 1) * SIZE, i == 3 and 16383 or i * SIZE - 1)
		all[i].db:cluster("set-config-epoch", i)
	end
	for i = 2, 4 do
		local bus = all[i].options:match "cluster%-port (%d+)"
		all[1].db:cluster("meet", "127.0.0.1", all[i].port, bus)
	end
	for i = 1, 4 do
		settled(all[i], 4)
	end
	all[4].db:cluster("replicate", all[2].id)
	tap.until_true("the replica", function()
		return all[4].db:info "replication":find "master_link_status:up"
	end)
	tap.until_true("word of the replica", function()
		for _, range in ipairs(all[1].db:cluster "slots") do
			if range[3][3] == all[2].id then
				return range[4]
			end
		end
	end)
end

-- A node whose every command is answered by answer(words).
local function scripted(host, answer)
	local id, _, port = socket.listen(host, 0)
	socket.start(id, function(fd)
		if not socket.start(fd) then
			return
		end
		while true do
			local n = socket.readline(fd, "\r\n")
			local words = {}
			for i = 1, n and tonumber(n:sub(2)) or 0 do
				local size = tonumber(socket.readline(fd, "\r\n"):sub(2))
				words[i] = socket.read(fd, size + 2):sub(1, -3)
			end
			if not n then
				break
			end
			socket.write(fd, answer(words, port))
		end
		socket.close(fd)
	end)
	return { host = host, port = port }
end

local function slots(host, port)
	return ("*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$%d\r\n%s\r\n:%d\r\n$2\r\nid\r\n"):format(
		#host, host, port)
end

tap.run {
	{ "commands go to the node of their key; slots and tags", function()
		build()
		c = cluster.new({ { host = "127.0.0.1", port = 1 }, { host = "127.0.0.1",
			port = all[1].port } }, { max_connections = 10 })
		equal(c:keyslot "123456789", 0x31c3 % 16384)
		equal(c:keyslot "{user}.a", c:keyslot "user")
		equal(c:keyslot "{}.a", require "skynet.db.redis.crc16" "{}.a" % 16384)
		for i = 1, 300 do
			equal(c:set("key" .. i, i), "OK")
		end
		for i = 1, 300 do
			equal(c:call("GET", "key" .. i), tostring(i))
		end
		for n = 1, 3 do
			local k = key_on(n, 1)
			c:set(k, n)
			equal(all[n].db:get(k), tostring(n))
			equal(c:get_connection_by_slot(c:keyslot(k)):get(k), tostring(n))
		end
		equal(c:get { "key1" }, "1")
		equal(c:eval("return KEYS[1] .. ARGV[1]", 1, "key1", "x"), "key1x")
		equal(c:eval("return 7", 0), 7)
		equal(c:get_random_connection():ping(), "PONG")
		equal(c:get_connection({ host = "127.0.0.1", port = all[3].port }):ping(), "PONG")
	end },
	{ "maintenance: the map, subscribers, connections", function()
		local heard = {}
		local m <const> = cluster.new({ host = "127.0.0.1", port = all[1].port },
			{ max_connections = 1 }, function(data, channel)
				heard[#heard + 1] = channel .. "=" .. data
			end)
		local node <const> = { host = "127.0.0.1", port = all[2].port }
		m:flush_slots_cache()
		m:initialize_slots_cache()
		equal(m:set("key1", 1), "OK")
		local w <const> = m:get_watch_connection(node)
		equal(m:get_watch_connection(node), w)
		w:subscribe "news"
		tap.until_true("the subscription", function()
			return all[2].db:publish("news", "a") == 1
		end)
		tap.until_true("the message", function() return heard[1] == "news=a" end)
		local slot <const> = m:keyslot(key_on(2, 1))
		equal(m:get_watch_connection_by_slot(slot), w)
		local before <const> = m:get_connection(node)
		m:close_existing_connection() -- as many as there may be: one makes room
		equal(m:get_connection(node) == before, false)
		m:close_all_connection()
		equal(m:get "key1", "1")
		m:close_all_connection()
	end },
	{ "what is refused, and errors of the server without a place", function()
		local names = { "info", "multi", "exec", "slaveof", "config", "shutdown" }
		for _, name in ipairs(names) do
			local ok, why = pcall(c[name], c, "x")
			equal(why, "No way to dispatch this command to Redis Cluster: " .. name)
		end
		raises("eval - all keys must map to the same key slot",
			c.eval, c, "return 1", 2, "a", "b")
		c:set("text", "x")
		local _, why = pcall(c.incr, c, "text")
		equal(why, "ERR value is not an integer or out of range")
		raises("needs a channel", c.subscribe, c)
		raises("Can't reach a single startup node.",
			cluster.new, { host = "127.0.0.1", port = 1 })
		raises("new needs a node", cluster.new, "127.0.0.1")
	end },
	{ "a slot that is moved: ASK on the way, MOVED after it", function()
		local key = key_on(1, 2)
		local slot = c:keyslot(key)
		local from, to = all[1], all[3]
		to.db:cluster("setslot", slot, "importing", from.id)
		from.db:cluster("setslot", slot, "migrating", to.id)
		equal(c:set(key, "asked"), "OK") -- not there yet: asked for at the new node
		equal(c:get(key), "asked")
		raises("MOVED", to.db.get, to.db, key)
		to.db:cluster("setslot", slot, "node", to.id)
		from.db:cluster("setslot", slot, "node", to.id)
		equal(c:get(key), "asked")
		equal(to.db:get(key), "asked")
	end },
	{ "messages come from any node to the one function", function()
		local got = {}
		local w = cluster.new({ host = "127.0.0.1", port = all[2].port }, {},
			function(data, channel, pattern)
				got[#got + 1] = ("%s %s %s"):format(data, channel, pattern)
				error "of the program"
			end)
		w:subscribe "news"
		w:psubscribe "p*"
		tap.until_true("both subscriptions", function()
			c:publish("news", "x")
			c:publish("pq", "y")
			local seen = table.concat(got, ",")
			return seen:find("x news nil", 1, true) and seen:find("y pq p*", 1, true)
		end)
		w:unsubscribe "news"
		w:close_all_connection()
		tap.until_true("no subscriber", function() return c:publish("news", "x") == 0 end)
	end },
	{ "a master that is killed: its replica is read meanwhile, and takes over", function()
		local r = cluster.new({ host = "127.0.0.1", port = all[1].port },
			{ read_slave = true })
		local key = key_on(2, 3)
		equal(r:set(key, "kept"), "OK")
		tap.until_true("the copy", function()
			local replica = redis.connect { host = "127.0.0.1", port = all[4].port,
				readonly = true }
			return replica:get(key) == "kept"
		end)
		all[2]:kill "KILL"
		equal(r:get(key), "kept")
		tap.until_true("the new master", function()
			return all[1].db:cluster "nodes":find(all[4].id .. "[^\n]*master")
		end)
		tap.until_true("a write", function() return pcall(c.set, c, key, "written") end)
		equal(c:get(key), "written")
		equal(all[4].db:get(key), "written")
		r:close_all_connection()
	end },
	{ "many tasks that find a stale map read it once", function()
		local asked, to = 0, nil
		to = scripted("127.0.0.1", function(words, port)
			if words[1] == "cluster" or words[1] == "CLUSTER" then
				asked = asked + 1
				return slots("", port) -- the host that was asked
			end
			return "+OK\r\n"
		end)
		local one = cluster.new(to)
		equal(asked, 1)
		one:flush_slots_cache()
		local done = 0
		for i = 1, 50 do
			skynet.fork(function()
				equal(one:get("k" .. i), "OK")
				done = done + 1
			end)
		end
		tap.until_true("50 tasks", function() return done == 50 end)
		equal(asked, 2)
	end },
	{ "redirections without end stop after sixteen", function()
		local gets = 0
		local one = cluster.new(scripted("127.0.0.1", function(words, port)
			if words[1]:lower() == "cluster" then
				return slots("127.0.0.1", port)
			end
			gets = gets + 1
			return ("-MOVED 5 127.0.0.1:%d\r\n"):format(port)
		end))
		raises("Too many Cluster redirections?", one.get, one, "a")
		equal(gets, 16)
	end },
	{ "a server's word of slots that there are not is refused", function()
		local from = #tap.log()
		raises("Can't reach", cluster.new, scripted("127.0.0.1", function(_, port)
			return (slots("127.0.0.1", port):gsub("16383", "9223372036854775807"))
		end))
		tap.logged("tells of slots 0 to 9223372036854775807", from)
		local one = cluster.new(scripted("127.0.0.1", function(words, port)
			if words[1]:lower() == "cluster" then
				return slots("127.0.0.1", port)
			end
			return ("-MOVED 16384 127.0.0.1:%d\r\n"):format(port)
		end))
		raises("MOVED 16384", one.get, one, "a")
	end },
	{ "nodes with addresses of IPv6", function()
		local there, last = pcall(scripted, "::1", function() return "+six\r\n" end)
		if not there then
			return print "# no IPv6 here"
		end
		local one = cluster.new(scripted("127.0.0.1", function(words, port)
			if words[1]:lower() == "cluster" then
				return slots("127.0.0.1", port)
			end
			return ("-MOVED 15495 ::1:%d\r\n"):format(last.port) -- the slot of "a"
		end))
		equal(one:get "a", "six")
	end },
	{ "the servers end", function()
		c:close_all_connection()
		for _, s in ipairs(all) do
			s:stop()
		end
	end },
}
