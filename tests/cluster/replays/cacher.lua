-- A user of redis through skynet.db.redis, and of datagrams.
local skynet = require "skynet"
local socket = require "skynet.socket"
local redis = require "skynet.db.redis"
local crypt = require "skynet.crypt"
require "skynet.manager"

local udp_port = tonumber((...))
local db, udp
local heard, waiting = {}, {}
local command = {}

function command.remember(key)
	local before = db:get(key)
	db:set(key, crypt.hexencode(crypt.randomkey()))
	return before, db:get(key)
end

-- Sends itself a datagram, and returns what comes.
function command.echo(text)
	local me = coroutine.running()
	waiting[text] = me
	socket.write(udp, text)
	skynet.wait(me)
	return heard[text]
end

function command.exit()
	skynet.fork(skynet.exit)
end

skynet.start(function()
	db = redis.connect { host = "127.0.0.1", port = skynet.call(".main", "lua", "redis_port") }
	socket.udp_listen("127.0.0.1", udp_port, function(text, from)
		local ip = socket.udp_address(from)
		heard[text] = ip .. " " .. skynet.now()
		skynet.wakeup(waiting[text])
	end)
	udp = socket.udp_dial("127.0.0.1", udp_port, print)
	skynet.dispatch("lua", function(_, _, cmd, ...)
		skynet.retpack(command[cmd](...))
	end)
	skynet.register ".cacher"
end)
