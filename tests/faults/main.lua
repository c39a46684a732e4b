-- SPDX-License-Identifier: MIT
-- The program of the fault tests: a listener and clients in one node. It tries again what may fail
-- and prints what it sees, so that the test can tell a failure that was reported from one that was
-- not.
local skynet = require "skynet"
require "skynet.manager"
local socket = require "skynet.socket"

local TEXT = string.rep("0123456789abcdef", 256)

local function open(port)
	for try = 1, 50 do
		local id, why = socket.open("127.0.0.1", port)
		if id then
			return id
		end
		print("open failed", try, why)
		skynet.sleep(2)
	end
	error "open: never"
end

local function round(port)
	local id = open(port)
	socket.write(id, TEXT)
	local back = socket.read(id, #TEXT)
	socket.close(id)
	return back == TEXT
end

skynet.start(function()
	skynet.timeout(800, function() -- a task that failed may leave the other end waiting
		print "gave up"
		skynet.abort()
	end)
	local ok, why = pcall(function()
		local lid, _, port = socket.listen("127.0.0.1", 0)
		socket.start(lid, function(id)
			skynet.fork(function()
				if socket.start(id) then
					local text = socket.read(id, #TEXT)
					if text then
						socket.write(id, text)
						socket.read(id) -- until the client is done
					end
				end
				socket.close(id)
			end)
		end)
		local good = 0
		for _ = 1, 60 do
			good = good + (round(port) and 1 or 0)
			if good == 3 then
				break
			end
		end
		print("rounds", good)
		print("service", skynet.launch("nothere") and "there" or "missing")
		socket.close(lid)
	end)
	print(ok and "end" or "raised", why)
	skynet.timeout(0, skynet.abort)
end)
