-- A gate of snax.gateserver: each frame comes back with the time, and the price of its length.
local skynet = require "skynet"
local gateserver = require "snax.gateserver"
local netpack = require "skynet.netpack"
local driver = require "skynet.socketdriver"
require "skynet.manager"

local port
local handler = {}

function handler.connect(fd)
	gateserver.openclient(fd)
end

function handler.message(fd, msg, size)
	local text = netpack.tostring(msg, size)
	local price = skynet.call(".main", "lua", "price", #text | 1)
	driver.send(fd, netpack.pack(("%s %d %d"):format(text, price, skynet.now())))
end

function handler.command(cmd, source, ...)
	if cmd == "port" then
		return port
	elseif cmd == "exit" then
		skynet.fork(skynet.exit)
	end
end

function handler.open(_, conf)
	port = conf.port
	skynet.register ".frames"
end

gateserver.start(handler)
