-- SPDX-License-Identifier: MIT
--
-- The field that browsers play on, known in the whole cluster as ARENA. It alone knows where
-- everybody is: players are connected to gates (web.lua) on any node, the gates send it what they
-- do, and it publishes pictures of the field, which the gates hand to the browsers.
--
--   STATE starx,stary name,node,x,y,points ...   the field; node is - while a player is away
--   NODES node,address,up|down ...               the gates, and where browsers reach them
--
-- Pictures are published on a multicast channel: one message goes to each node, however many gates
-- and players are there. They are texts as browsers get them, for a table would be turned into the
-- same text by every gate.
--
-- Nodes die. A player whose node does keeps his place for a while, and comes back through another
-- node with the key that only his browser knows. If our own node dies, the next field knows nobody;
-- but the gates know their players, and tell every second whom they have (`here`).

local skynet = require "skynet"
local harbor = require "skynet.harbor"
local multicast = require "skynet.multicast"
require "skynet.manager" -- skynet.register

local WIDTH <const>, HEIGHT <const> = 960, 540
local SPEED <const> = 2.4 -- a centisecond
local REACH <const> = 26 -- who is so near to the star has it
local STEP <const> = 5 -- cs between two pictures
local PLAYERS_MAX <const> = 64
local HOLD <const> = 1000 -- cs that the place of a player is kept who is away
local GRACE <const> = 200 -- cs in which a gate may not list yet who has just come in
local SILENCE <const> = 800 -- cs without a word after which a gate is down
local FORGET <const> = 6000 -- cs after which a gate that is down is forgotten

local players = {} -- name -> { name, key, x, y, points, dx, dy, gate, node, since, away }
local gates = {} -- node -> { handle, address, heard, down }
local star = { x = WIDTH // 2, y = HEIGHT // 2 }
local channel

-- ---- pictures ----

local function sorted_keys(t)
	local keys = {}
	for key in pairs(t) do
		keys[#keys + 1] = key
	end
	table.sort(keys)
	return keys
end

local function picture()
	local words = { ("STATE %d,%d"):format(star.x, star.y) }
	for _, name in ipairs(sorted_keys(players)) do
		local p = players[name]
		words[#words + 1] = ("%s,%s,%d,%d,%d"):format(name, p.away and "-" or p.node,
			math.floor(p.x), math.floor(p.y), p.points)
	end
	return table.concat(words, " ")
end

local function nodes()
	local words = { "NODES" }
	for _, node in ipairs(sorted_keys(gates)) do
		local g = gates[node]
		words[#words + 1] = ("%s,%s,%s"):format(node, g.address, g.down and "down" or "up")
	end
	return table.concat(words, " ")
end

-- ---- the game ----

local function within(v, most)
	return math.max(0, math.min(most, v))
end

local function move(p, ti)
	p.x = within(p.x + p.dx * SPEED * ti, WIDTH)
	p.y = within(p.y + p.dy * SPEED * ti, HEIGHT)
	if (p.x - star.x) ^ 2 + (p.y - star.y) ^ 2 < REACH ^ 2 then
		p.points = p.points + 1
		star.x, star.y = math.random(40, WIDTH - 40), math.random(40, HEIGHT - 40)
	end
end

-- Returns whether anything is to be seen of it.
local function step(ti)
	local changed = false
	for name, p in pairs(players) do
		if p.away and skynet.now() - p.away > HOLD then
			players[name], changed = nil, true
		elseif p.dx ~= 0 or p.dy ~= 0 then
			move(p, ti)
			changed = true
		end
	end
	return changed
end

-- Time passes only while there are players: an arena without them costs nothing. A picture where
-- nobody moves is published once a second, so that everybody sees that the field is alive.
local running = false

local function run()
	if running then
		return
	end
	running = true
	local last, shown = skynet.now(), 0
	while next(players) do
		skynet.sleep(STEP)
		local now = skynet.now()
		if step(now - last) or now - shown >= 100 then
			channel:publish(picture())
			shown = now
		end
		last = now
	end
	running = false
end

-- ---- players and gates come and go ----

local function depart(p)
	p.away, p.dx, p.dy = skynet.now(), 0, 0
end

local function arrive(p, gate, node)
	if not players[p.name] then
		players[p.name] = p
		skynet.fork(run)
	end
	p.gate, p.node, p.since, p.away = gate, node, skynet.now(), nil
	p.dx, p.dy = 0, 0
end

local function lose(node)
	gates[node].down = true
	for _, p in pairs(players) do
		if p.node == node and not p.away then
			depart(p)
		end
	end
	skynet.error("the gate of", node, "is down")
	channel:publish(nodes())
	channel:publish(picture())
end

-- harbor.link returns when the link to a node breaks: at once when its process is killed, after
-- five seconds (cluster.dead_after) when it is frozen or cut off.
local watched = {} -- handle of a gate -> true while somebody waits for that

local function watch(node, gate)
	local id, remote = skynet.harbor(gate)
	if watched[gate] or not remote then
		return
	end
	watched[gate] = true
	harbor.link(id)
	watched[gate] = nil
	if gates[node] and gates[node].handle == gate and not gates[node].down then
		lose(node)
	end
end

-- A gate that ended while its node lives breaks no link, but says nothing.
local function look_after_gates()
	local now = skynet.now()
	for node, g in pairs(gates) do
		if g.down and now - g.heard > FORGET then
			gates[node] = nil
		elseif not g.down and now - g.heard > SILENCE then
			lose(node)
		end
	end
end

local function meet(gate, node, address)
	local g = gates[node]
	if not g or g.handle ~= gate or g.down then
		gates[node] = { handle = gate, address = address }
		skynet.fork(watch, node, gate)
		skynet.fork(channel.publish, channel, nodes())
	end
	gates[node].heard = skynet.now()
end

-- ---- what gates say: function(gate, ...) -> answer ----

local command = {}

-- A player comes in, or comes back. Returns what his gate keeps of him, or nil and a reason.
function command.join(gate, node, name, key)
	local p = players[name]
	if p and p.key ~= key then
		return nil, "the name is taken"
	elseif not p and #sorted_keys(players) >= PLAYERS_MAX then
		return nil, "the arena is full"
	end
	p = p or { name = name, key = key, points = 0, x = math.random(60, WIDTH - 60),
		y = math.random(60, HEIGHT - 60) }
	arrive(p, gate, node)
	return { name = name, key = key, x = p.x, y = p.y, points = p.points }
end

-- dx, dy: hundredths of full speed.
function command.go(gate, name, dx, dy)
	local p = players[name]
	if p and p.gate == gate then
		p.away = nil -- a gate that was lost for a moment may say this before `here`
		local length = math.max(100, math.sqrt(dx * dx + dy * dy))
		p.dx, p.dy = dx / length, dy / length
	end
end

function command.leave(gate, name)
	local p = players[name]
	if p and p.gate == gate then
		depart(p)
	end
end

-- Once a second from every gate: its address, and what it knows of its players. Returns the channel
-- of the pictures, the nodes, and what is to be known of these players now.
function command.here(gate, node, address, records)
	meet(gate, node, address)
	look_after_gates()
	local listed, answer = {}, {}
	for _, r in ipairs(records) do
		local p = players[r.name] or r
		if p.key == r.key and (p == r or p.away) then
			arrive(p, gate, node)
		end
		if p.gate == gate then
			listed[r.name] = true
			answer[#answer + 1] = { name = r.name, key = r.key, x = p.x, y = p.y,
				points = p.points }
		else -- he has come in through another gate since
			skynet.send(gate, "lua", "drop", r.name)
		end
	end
	-- Whom the gate does not have any more, as one that was started anew.
	for name, p in pairs(players) do
		if p.node == node and not listed[name] and not p.away
			and skynet.now() - p.since > GRACE then
			depart(p)
		end
	end
	return channel.channel, nodes(), answer
end

skynet.start(function()
	channel = multicast.new()
	skynet.dispatch("lua", function(session, gate, what, ...)
		local f = command[what]
		if session == 0 then
			f(gate, ...)
		else
			skynet.retpack(f(gate, ...))
		end
	end)
	skynet.register "ARENA"
	skynet.error("the field is open")
end)
