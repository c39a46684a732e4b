-- SPDX-License-Identifier: MIT
-- Datagrams that the kernel does not take at once: those wait in the queue and leave in their
-- order, also of a socket that is closed meanwhile; what passes the bound is refused.
local skynet = require "skynet"
require "skynet.manager"
local socket = require "skynet.socket"

local N <const> = 60

local function address_of(id)
	for _, s in ipairs(socket.netstat()) do
		if s.id == id then
			local port = tonumber(s.sock:match ":(%d+)$")
			return string.pack(">BI2BBBB", 1, port, 127, 0, 0, 1)
		end
	end
end

skynet.start(function()
	skynet.timeout(1000, function()
		print "gave up"
		skynet.abort()
	end)
	local got = {}
	local to = socket.udp(function(data) got[#got + 1] = data end, "127.0.0.1", 0)
	local address = address_of(to)
	local from = socket.udp(function() end)
	for i = 1, N do
		assert(socket.sendto(from, address, ("%d %s"):format(i, ("x"):rep(i))))
	end
	socket.close(from) -- what waits goes out
	while #got < N do
		skynet.sleep(1)
	end
	local order = true
	for i = 1, N do
		order = order and got[i] == ("%d %s"):format(i, ("x"):rep(i))
	end
	print("order", order)

	local bounded, refused = socket.udp(function() end), 0
	socket.writelimit(bounded, 1000)
	for _ = 1, 2000 do
		refused = refused + (socket.sendto(bounded, address, ("y"):rep(400)) and 0 or 1)
	end
	print("refused", refused > 0)
	got = {}
	while got[#got] ~= "at last" do -- the bound passes when the queue is empty
		socket.sendto(bounded, address, "at last")
		skynet.sleep(1)
	end
	print("rounds", 3)
	print("end", "well")
	skynet.timeout(0, skynet.abort)
end)
