-- A gate whose sessions live longer than the process: players log in with a name and count. What is
-- known of a player goes to the next life with his connection.
local skynet = require "skynet"
local netpack = require "skynet.netpack"
local driver = require "skynet.socketdriver"
require "skynet.manager"

local address, slow = ...
local gate
local players = {} -- fd -> { name =, count = }

local function say(fd, text)
	driver.send(fd, netpack.pack(text))
end

local on = {}

function on.open(fd)
	players[fd] = { count = 0 }
	skynet.send(gate, "lua", "accept", fd)
end

function on.resume(fd, _, kept)
	players[fd] = kept
	skynet.send(gate, "lua", "accept", fd)
end

function on.data(fd, text)
	local p = players[fd]
	if not p.name then
		p.name = text
		return say(fd, "welcome " .. text)
	end
	p.count = p.count + 1
	skynet.call(gate, "lua", "keep", fd, p)
	say(fd, ("%s %d %s"):format(p.name, p.count, text))
end

function on.close(fd)
	players[fd] = nil
	skynet.send(gate, "lua", "kick", fd) -- he has ended his half of it
end

on["error"] = function(fd)
	players[fd] = nil
end

skynet.start(function()
	skynet.dispatch("lua", function(session, _, word, event, fd, ...)
		if word == "socket" then
			on[event](fd, ...)
		elseif word == "close" then
			skynet.call(gate, "lua", "close")
			skynet.ret(skynet.pack(true))
		elseif word == "again" then
			gate = skynet.newservice("gate")
			skynet.call(gate, "lua", "open", { address = address, handover = true,
				watchdog = skynet.self() })
			skynet.ret(skynet.pack(true))
		elseif session ~= 0 then
			local n = 0
			for _ in pairs(players) do
				n = n + 1
			end
			local seen = os.getenv "NOTIFY_SOCKET" or os.getenv "LISTEN_FDS"
			skynet.ret(skynet.pack(n, seen or os.getenv "WATCHDOG_USEC" or "nothing"))
		end
	end)
	skynet.register(".main")
	if slow then
		skynet.sleep(tonumber(slow))
	end
	gate = skynet.newservice("gate")
	skynet.call(gate, "lua", "open", { address = address, handover = true, maxclient = 5000,
		watchdog = skynet.self() })
end)
