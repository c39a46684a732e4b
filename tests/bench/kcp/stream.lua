-- SPDX-License-Identifier: MIT
-- A stream of 60 messages a second of 100 bytes from one node to another, each with the time at
-- which it is sent: how old are they when they can be used? Both nodes are on one host, so their
-- clocks are one.
local skynet = require "skynet"
local socket = require "skynet.socket"
local kcp = require "skynet.kcp"
require "skynet.manager"

local SIZE <const>, RATE <const>, PORT <const> = 100, 60, 9000
local what, how, host, seconds = ...

local options = {
	kcp = {},
	-- the settings that KCP begins with elsewhere
	careful = { nodelay = false, resend = 0, congestion = true, min_rto = 100 },
	-- one later acknowledgement is enough to send again
	eager = { resend = 1 },
	-- each message goes along with the next one, too
	redundant = { redundancy = 1 },
}

local function report(ages)
	table.sort(ages)
	local function at(part)
		return ages[math.max(1, math.ceil(#ages * part))] / 1e6
	end
	print(("STREAM %d %.1f %.1f %.1f %.1f"):format(#ages, at(0.5), at(0.99), at(0.999), at(1)))
	io.stdout:flush()
	skynet.abort()
end

-- next() returns the next message.
local function receive(next)
	local ages = {}
	while true do
		local sent = string.unpack("<i8", (next()))
		if sent == 0 then
			report(ages)
			return
		end
		ages[#ages + 1] = skynet.hpc() - sent
	end
end

local function send(write)
	local start, n = skynet.hpc(), 0
	while n < seconds * RATE do
		local now = skynet.hpc()
		if now - start >= n * 1000000000 // RATE then
			write(string.pack("<i8", now) .. string.rep("x", SIZE - 8))
			n = n + 1
		else
			skynet.sleep(1)
		end
	end
	write(string.rep("\0", SIZE))
	skynet.sleep(1000)
	skynet.abort()
end

skynet.start(function()
	seconds = tonumber(seconds)
	if what == "receive" and how == "tcp" then
		local listener = socket.listen(host, PORT)
		socket.start(listener, function(id)
			socket.start(id)
			receive(function() return socket.read(id, SIZE) end)
		end)
	elseif what == "receive" then
		kcp.listen(host, PORT, function(id)
			receive(function() return kcp.recv(id) end)
		end, options[how])
	elseif how == "tcp" then
		local id = assert(socket.open(host, PORT))
		require "skynet.socketdriver".nodelay(id)
		send(function(message) socket.write(id, message) end)
	else
		local id = assert(kcp.connect(host, PORT, options[how]))
		send(function(message) kcp.send(id, message) end)
	end
end)
