-- A gate whose players stay connected while its node is upgraded. What a player says is a call to
-- the service "famous" of the cluster, which counts: whether a word is lost or comes twice is seen
-- there.
local skynet = require "skynet"
local netpack = require "skynet.netpack"
local driver = require "skynet.socketdriver"
require "skynet.manager"

local gate
local players, resumed, asking = {}, 0, 0 -- fd -> { name =, count = }

local function say(fd, text)
	driver.send(fd, netpack.pack(text))
end

local on = {}

function on.open(fd)
	players[fd] = { count = 0 }
	skynet.send(gate, "lua", "accept", fd)
end

function on.resume(fd, _, kept)
	players[fd], resumed = kept, resumed + 1
	skynet.send(gate, "lua", "accept", fd)
end

function on.data(fd, text)
	local p = players[fd]
	if not p.name then
		p.name = text
		skynet.call(gate, "lua", "keep", fd, p)
		return say(fd, "welcome " .. text)
	end
	p.count = p.count + 1
	asking = asking + 1
	local ok, n = pcall(skynet.call, "famous", "lua", "call", p.name, p.count)
	asking = asking - 1
	if not ok or n ~= p.count then
		skynet.error(("CALL FAILED: %s %d: %s"):format(p.name, p.count, n))
	end
	skynet.call(gate, "lua", "keep", fd, p)
	say(fd, ("%s %d %s"):format(p.name, p.count, text))
end

function on.close(fd)
	players[fd] = nil
end

on["error"] = on.close

skynet.start(function()
	skynet.dispatch("lua", function(session, _, word, event, fd, ...)
		if word == "socket" then
			on[event](fd, ...)
		elseif session ~= 0 then
			local n = 0
			for _ in pairs(players) do
				n = n + 1
			end
			skynet.retpack(n, resumed)
		end
	end)
	-- whose words are under way is answered before he is handed to the next life
	skynet.on_stop(function()
		while asking > 0 do
			skynet.sleep(1)
		end
	end)
	skynet.register ".doors"
	skynet.newservice "main"
	gate = skynet.newservice "gate"
	skynet.call(gate, "lua", "open", { address = "0.0.0.0:7000", handover = true,
		watchdog = skynet.self() })
end)
