-- SPDX-License-Identifier: MIT
--
-- The gate of the arena: players come in by TCP, one line a message.
--
--   HELLO name         OK hello name             who I am; letters and digits
--   JOIN room          OK room TREASURE x y      enter a room: A, B, ... (leaves the one before)
--   MOVE x y           OK x y                    0 to 9; who steps on the treasure gets a point
--   SAY text           OK                        to everybody in my room
--   TELL room text     OK                        to everybody in another room
--   SCORES             OK name=points ...        the best first
--   QUIT               OK bye
--
-- Whatever does not work is answered `ERR why`. Between the answers come events of the room:
--
--   EVENT JOIN name | EVENT LEAVE name | EVENT MOVE name x y | EVENT SAY name text
--   EVENT TREASURE x y name      name found the treasure, the next one lies at x y
--
-- The rooms run on another node. The gate knows them by their global names only and asks by name
-- each time: while their node is down the answer is `ERR room unavailable`, and once it is back
-- everything works as before.

local skynet = require "skynet"
local socket = require "skynet.socket"

local PATIENCE <const> = 200 -- cs that a room may take to answer
local LINE_MAX <const> = 1024

local port = ...
local players = {} -- name -> { fd, name, room }

-- ---- the other nodes ----

-- Asks a room or the scores; gives what the player is answered.
local function ask(who, ...)
	local alive, answer, why = pcall(skynet.calltimeout, PATIENCE, who, "lua", ...)
	if not alive then
		return who == "SCORES" and "ERR scores unavailable" or "ERR room unavailable"
	elseif not answer then
		return "ERR " .. why
	end
	return answer == "" and "OK" or "OK " .. answer
end

local function leave(player)
	if player.room then
		pcall(skynet.send, player.room, "lua", "leave", player.name)
		player.room = nil
	end
end

-- What rooms send to us.
local from_room = {}

function from_room.event(name, text)
	local player = players[name]
	if player then
		socket.write(player.fd, { "EVENT ", text, "\n" })
	end
end

-- ---- what players say: function(player, rest of the line) -> answer ----

local commands = {}

function commands.HELLO(player, name)
	if not name:match "^%w+$" or #name > 16 then
		return "ERR a name has up to 16 letters and digits"
	elseif player.name then
		return "ERR you are " .. player.name
	elseif players[name] then
		return "ERR name is taken"
	end
	player.name = name
	players[name] = player
	return "OK hello " .. name
end

function commands.JOIN(player, room)
	if not room:match "^%w%w?%w?%w?$" then
		return "ERR no such room"
	end
	leave(player)
	local reply = ask("ROOM_" .. room, "join", player.name)
	if reply:find "^OK" then
		player.room = "ROOM_" .. room
	end
	return reply
end

function commands.MOVE(player, rest)
	local x, y = rest:match "^(%d) (%d)$"
	if not x then
		return "ERR the field is 0 to 9 wide and high"
	end
	return ask(player.room, "move", player.name, tonumber(x), tonumber(y))
end

function commands.SAY(player, text)
	return ask(player.room, "say", player.name, text)
end

function commands.TELL(player, rest)
	local room, text = rest:match "^(%w+) (.+)$"
	if not room or #room > 4 then
		return "ERR TELL room text"
	end
	return ask("ROOM_" .. room, "hear", player.name, text)
end

function commands.SCORES()
	return ask("SCORES", "top", 10)
end

function commands.QUIT(player)
	player.quits = true
	return "OK bye"
end

local function answer(player, line)
	local word, rest = line:match "^(%u+) ?(.-)\r?$"
	local command = commands[word]
	if not command then
		return "ERR unknown command"
	elseif not player.name and word ~= "HELLO" and word ~= "QUIT" then
		return "ERR say HELLO first"
	elseif not player.room and (word == "MOVE" or word == "SAY") then
		return "ERR JOIN a room first"
	end
	return command(player, rest)
end

-- ---- one coroutine a player ----

-- A client that sends no line end, or reads nothing, must not eat our memory.
local function protect(fd)
	socket.limit(fd, LINE_MAX)
	socket.warning(fd, function(id)
		socket.shutdown(id)
	end)
end

local function serve(fd, from)
	if not socket.start(fd) then
		return
	end
	protect(fd)
	local player = { fd = fd }
	while not player.quits do
		local line = socket.readline(fd)
		if not line then
			break
		end
		socket.write(fd, { answer(player, line), "\n" })
	end
	leave(player)
	if player.name then
		players[player.name] = nil
	end
	socket.close(fd)
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		from_room[what](...)
	end)
	local id = socket.listen("127.0.0.1", tonumber(port))
	socket.start(id, serve)
	skynet.error("the gate is open on port", port)
end)
