-- SPDX-License-Identifier: MIT
-- gate: the frames of many clients go to their agents. A client is delivered to the watchdog until
-- somebody takes it with forward.
local skynet = require "skynet"
local gateserver = require "snax.gateserver"
local netpack = require "skynet.netpack"
local driver = require "skynet.socketdriver"

local watchdog
local connections = {} -- fd -> { fd =, agent =, client = }

skynet.register_protocol { name = "client", id = skynet.PTYPE_CLIENT }

-- A client's frames are read no faster than the watchdog takes them: it answers when it has come to
-- the last of them.
local function until_taken(fd)
	pcall(skynet.call, watchdog, "debug", "PING")
	driver.passed(fd)
end

local handler = {}

function handler.open(source, conf)
	watchdog = conf.watchdog or source
	return conf.address, conf.port
end

function handler.message(fd, msg, size)
	local c = connections[fd]
	if c and c.agent then
		skynet.redirect(c.agent, c.client, "client", fd, msg, size)
	else
		-- a copy: the watchdog may be anywhere
		skynet.send(watchdog, "lua", "socket", "data", fd, netpack.tostring(msg, size))
		if driver.pass(fd, size) then
			skynet.fork(until_taken, fd)
		end
	end
end

function handler.connect(fd, from)
	connections[fd] = { fd = fd, from = from }
	skynet.send(watchdog, "lua", "socket", "open", fd, from)
end

function handler.disconnect(fd)
	connections[fd] = nil
	skynet.send(watchdog, "lua", "socket", "close", fd)
end

handler["error"] = function(fd, why)
	connections[fd] = nil
	skynet.send(watchdog, "lua", "socket", "error", fd, why)
end

function handler.warning(fd, kib)
	skynet.send(watchdog, "lua", "socket", "warning", fd, kib)
end

local command = {}

local function known(fd)
	return connections[fd] or error(("no such client: %s"):format(tostring(fd)), 0)
end

function command.forward(source, fd, client, agent)
	local c = known(fd)
	c.client = client or 0
	c.agent = agent or source
	gateserver.openclient(fd)
end

function command.accept(_, fd)
	local c = known(fd)
	c.agent, c.client = nil, nil
	gateserver.openclient(fd)
end

function command.kick(_, fd)
	gateserver.closeclient(fd)
end

function handler.command(name, source, ...)
	local f = command[name]
	if not f then
		local text = "unknown command %s: a gate has open, close, forward, accept and kick"
		error(text:format(tostring(name)), 0)
	end
	return f(source, ...)
end

gateserver.start(handler)
