-- SPDX-License-Identifier: MIT
-- Calls and sends to services by handle and by name until it is told to stop or its node drains,
-- and keeps what failed. Each target hears a number that grows by one.
local skynet = require "skynet"
require "skynet.manager"

local id, pause = ...
pause = tonumber(pause)
local running, alive, calls, sends = true, 0, 0, 0
local failed = {}
local LARGE <const> = ("x"):rep(200000) -- travels in chunks, between others

local function drive(address, key)
	local n = 0
	alive = alive + 1
	while running do
		n = n + 1
		local ok, r = pcall(skynet.call, address, "lua", "call", key, n)
		calls = calls + 1
		if (not ok or r ~= n) and #failed < 20 then
			failed[#failed + 1] = ("%s call %d: %s"):format(key, n, tostring(r))
		end
		for _ = 1, 3 do
			n = n + 1
			skynet.send(address, "lua", "send", key, n, n % 40 == 0 and LARGE or nil)
			sends = sends + 1
		end
		skynet.sleep(pause)
	end
	alive = alive - 1
end

local command = {}

function command.add(address)
	skynet.fork(drive, tonumber(address) or address, ("%s>%s"):format(id, address))
end

function command.stop()
	running = false
	while alive > 0 do
		skynet.sleep(1)
	end
	return calls, sends, table.concat(failed, "; ")
end

function command.stat()
	return calls, sends, table.concat(failed, "; ")
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, cmd, ...)
		skynet.retpack(command[cmd](...))
	end)
	skynet.on_drain(function()
		running = false
	end)
	skynet.register(".driver")
end)
