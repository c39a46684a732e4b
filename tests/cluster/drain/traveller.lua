-- SPDX-License-Identifier: MIT
-- A service that can move, or cannot: kind says what goes wrong.
local skynet = require "skynet"
local harbor = require "skynet.harbor"
local group = require "skynet.group"
local socket = require "skynet.socket"
require "skynet.manager"

local kind, name = ...
local count, lives = skynet.handover_state()
count, lives = count or 0, (lives or 0) + 1
local drained = 0

local command = {}

function command.add(n)
	count = count + n
	return count, lives, skynet.address(skynet.self())
end

function command.slow(ti)
	skynet.sleep(ti)
	return "done"
end

function command.register(global)
	return pcall(harbor.register, global)
end

function command.listen()
	local id, _, port = socket.listen("127.0.0.1", 0)
	socket.start(id, function(fd)
		socket.start(fd)
		socket.write(fd, "hello")
		socket.close(fd)
	end)
	return port
end

function command.unique()
	return pcall(skynet.uniqueservice, "traveller", "settled")
end

function command.join(name)
	return group.join(name)
end

function command.members(name)
	local list = group.members(name)
	for i, handle in ipairs(list) do
		list[i] = skynet.address(handle)
	end
	return table.concat(list, " ")
end

function command.drained()
	return drained
end

function command.watch()
	skynet.on_drain(function()
		drained = drained + 1
	end, function()
		drained = drained - 100
	end)
	return drained
end

-- Where the members are that group.random has drawn, and group.nearest.
function command.draws(name)
	local nodes, list = {}, {}
	for _ = 1, 200 do
		nodes[group.random(name) >> 24] = true
	end
	for id in pairs(nodes) do
		list[#list + 1] = id
	end
	table.sort(list)
	return table.concat(list, " "), group.nearest(name) >> 24
end

function command.unique_of_all()
	return skynet.address(skynet.uniqueservice(true, "traveller", "settled"))
end

function command.large(size)
	count = ("x"):rep(size)
end

function command.length()
	return #count, lives
end

skynet.start(function()
	if kind == "homesick" and lives > 1 then
		error "there is no place like home"
	end
	skynet.dispatch("lua", function(session, _, cmd, ...)
		local r = table.pack(command[cmd](...))
		if session ~= 0 then
			skynet.retpack(table.unpack(r, 1, r.n))
		end
	end)
	if kind ~= "settled" then
		skynet.on_handover(function(reason)
			assert(reason == "drain" or reason == "move")
			if kind == "secret" then
				error "my state is nobody's business"
			end
			return count, lives
		end)
	end
	if kind == "watcher" then
		command.watch()
	end
	if name then
		skynet.register(name)
	end
end)
