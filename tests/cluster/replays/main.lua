-- What stands around the services that are recorded: a database, and a server that speaks so much
-- of redis as is needed.
local skynet = require "skynet"
local socket = require "skynet.socket"
require "skynet.manager"

local sharetable = require "skynet.sharetable"
local sharedata = require "skynet.sharedata"
local builder = require "skynet.datasheet.builder"
local multicast = require "skynet.multicast"
local snax = require "skynet.snax"
local stm = require "skynet.stm"
local sharemap = require "skynet.sharemap"
local sprotoloader = require "sprotoloader"
local sprotoparser = require "sprotoparser"
local sprotocore = require "sproto.core"
local kcp = require "skynet.kcp"
local group = require "skynet.group"

skynet.setenv("snax", SERVICE_PATH .. "?.lua")

local command, stored = {}, {}

function command.price(n)
	skynet.sleep(n % 3)
	if n % 17 == 0 then
		error("no such thing: " .. n)
	end
	return n * skynet.now()
end

function command.launch(...)
	return skynet.address(skynet.newservice(...))
end

function command.gate()
	skynet.call(skynet.newservice "frames", "lua", "open", { address = "127.0.0.1", port = 0 })
end

-- Version n of everything that is shared, and a message to all who listen.
local channel, published

function command.channel()
	channel = channel or multicast.new()
	return channel.channel
end

function command.publish(n)
	local rules = { version = n, [0.5] = "half", [true] = "yes", list = { 1, 2, 3, nil, 5 } }
	rules.functions = { function(x) return x * 2 end, math.floor, string.rep }
	rules.again = rules.functions[1]
	for i = 1, 300 do
		rules["rule " .. i * n] = { name = "r" .. i, i, i * n / 7 }
	end
	sharetable.loadtable("rules", rules)
	local shop = { version = n, deep = { er = { n, "x" } } }
	for i = 1, 100 do
		shop["thing " .. i + n] = { price = i, [i] = "i", [-i] = "-i" }
	end
	sharedata.update("shop", shop)
	local sheet = { version = n }
	for i = 1, 50 do
		sheet["row" .. i] = { i, n }
	end
	builder[published and "update" or "new"]("sheet", sheet)
	published = true
	sharetable.loadtable("of " .. n, { n })
	command.channel()
	channel:publish(n, ("y"):rep(n * 100))
end

function command.hear()
end

-- Cells and a struct that others read, and schemas: of slot 0, and of slot 3 without its bundle.
local cell, thing

function command.cells()
	if not cell then
		local parse = sprotoparser.parse
		sprotoloader.save(parse ".Thing { name 0 : string n 1 : integer }", 0)
		sprotocore.saveproto(sprotocore.newproto(parse ".B { n 0 : integer }"), 3)
		cell = stm.new(skynet.pack("first"))
		thing = sharemap.writer("Thing", { name = "thing", n = 0 })
		group.join "cells"
	end
	return stm.copy(cell), thing:copy()
end

function command.write(n)
	cell(skynet.pack(n, ("z"):rep(n * 100)))
	thing.n = n
	thing:commit()
end

function command.foreign()
	sharetable.loadtable("foreign", { skynet.tostring, version = 1 })
end

-- A listener of KCP that gives back what comes.
local kcp_port

function command.kcp_port()
	if not kcp_port then
		_, _, kcp_port = kcp.listen("127.0.0.1", 0, function(id)
			local text = kcp.recv(id)
			while text do
				kcp.send(id, text)
				text = kcp.recv(id)
			end
			kcp.close(id)
		end)
	end
	return kcp_port
end

local pinger

function command.snax(what, ...)
	if what == "new" then
		pinger = snax.newservice("pinger", ...)
	elseif what == "kill" then
		snax.kill(pinger)
	else
		local kind, name = what:match "(%w+)%.(%w+)"
		return pinger[kind == "post" and "post" or "req"][name](...)
	end
end

local function serve(fd)
	socket.start(fd)
	while true do
		local count = socket.readline(fd, "\r\n")
		if not count then
			return socket.close(fd)
		end
		local words = {}
		for i = 1, tonumber(count:sub(2)) do
			local size = tonumber(socket.readline(fd, "\r\n"):sub(2))
			words[i] = socket.read(fd, size + 2):sub(1, -3)
		end
		if words[1]:upper() == "SET" then
			stored[words[2]] = words[3] .. skynet.now()
			socket.write(fd, "+OK\r\n")
		else
			local value = stored[words[2]]
			socket.write(fd, value and ("$%d\r\n%s\r\n"):format(#value, value)
				or "$-1\r\n")
		end
	end
end

local _, redis_port

function command.redis_port()
	return redis_port
end

skynet.start(function()
	local id
	id, _, redis_port = socket.listen("127.0.0.1", 0)
	socket.start(id, function(fd)
		skynet.fork(serve, fd)
	end)
	skynet.dispatch("lua", function(_, _, cmd, ...)
		skynet.retpack(command[cmd](...))
	end)
	skynet.register ".main"
end)
