-- SPDX-License-Identifier: MIT
--
-- A room of the arena, known in the whole cluster as ROOM_<name>. Gates call it; it answers with a
-- text, or with nil and a reason, and sends events to the gate of each player (protocol: gate.lua).
--
-- A room that was started anew has forgotten its players. It meets them again with their next word:
-- every command of somebody unknown is his way in.

local skynet = require "skynet"
require "skynet.manager" -- skynet.register

local SIZE <const> = 10

local name = ...
local players = {} -- name -> { gate = handle, x =, y = }
local treasure = { x = 3, y = 7 }

local function tell(...)
	local text = table.concat({ ... }, " ")
	for player, p in pairs(players) do
		skynet.send(p.gate, "lua", "event", player, text)
	end
end

-- The gate of a player is whoever speaks for him.
local function enter(gate, player)
	local p = players[player]
	if not p then
		tell("JOIN", player)
		p = { x = 0, y = 0 }
		players[player] = p
	end
	p.gate = gate
	return p
end

local command = {}

function command.join(gate, player)
	enter(gate, player)
	return string.format("%s TREASURE %d %d", name, treasure.x, treasure.y)
end

function command.leave(_, player)
	if players[player] then
		players[player] = nil
		tell("LEAVE", player)
	end
end

function command.move(gate, player, x, y)
	local p = enter(gate, player)
	p.x, p.y = x, y
	tell("MOVE", player, x, y)
	if x == treasure.x and y == treasure.y then
		treasure.x, treasure.y = (x * 3 + 1) % SIZE, (y * 7 + 4) % SIZE
		skynet.send("SCORES", "lua", "add", player, 1)
		tell("TREASURE", treasure.x, treasure.y, player)
	end
	return x .. " " .. y
end

function command.say(gate, player, text)
	enter(gate, player)
	tell("SAY", player, text)
	return ""
end

-- Somebody in another room speaks.
function command.hear(_, player, text)
	tell("SAY", player, text)
	return ""
end

skynet.start(function()
	skynet.dispatch("lua", function(session, gate, what, ...)
		local f = command[what]
		if session == 0 then
			f(gate, ...)
		else
			skynet.retpack(f(gate, ...))
		end
	end)
	skynet.register("ROOM_" .. name)
	skynet.error("room", name, "is open")
end)
