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

-- What the next life is told of a client: whose it is, and what the watchdog said with keep. A
-- client of nobody is not handed over: nothing is known of it.
function handler.handover(fd)
	local c = connections[fd]
	return c and (c.agent or c.kept ~= nil) and
		{ agent = c.agent, client = c.client, kept = c.kept }
end

-- Waits until those who serve clients have come to the last frame that they were given.
function handler.settle()
	local asked, left, done = { [watchdog] = true }, 0, {}
	for _, c in pairs(connections) do
		asked[c.agent or watchdog] = true
	end
	for handle in pairs(asked) do
		left = left + 1
		skynet.fork(function()
			pcall(skynet.calltimeout, 100, handle, "debug", "PING")
			left = left - 1
			if left == 0 then
				skynet.wakeup(done)
			end
		end)
	end
	skynet.wait(done)
end

function handler.resume(fd, from, last)
	connections[fd] = { fd = fd, from = from, kept = last.kept }
	skynet.send(watchdog, "lua", "socket", "resume", fd, from, last.kept, last.agent,
		last.client)
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

-- What the watchdog wants to hear of this client in the next life: anything that skynet.pack takes.
function command.keep(_, fd, value)
	known(fd).kept = value
end

function command.kick(_, fd)
	gateserver.closeclient(fd)
end

local UNKNOWN <const> =
	"unknown command %s: a gate has open, close, forward, accept, keep and kick"

function handler.command(name, source, ...)
	local f = command[name]
	if not f then
		error(UNKNOWN:format(tostring(name)), 0)
	end
	return f(source, ...)
end

gateserver.start(handler)
