-- SPDX-License-Identifier: MIT
-- Calls and sends to services by handle and by name as long as it is told to, and keeps what
-- failed.
local skynet = require "skynet"

local id = ...
local running, failed, calls, sends = false, {}, 0, 0
local targets = {}   -- { address, key }
local alive = 0

local function drive(target)
	local n = 0
	alive = alive + 1
	while running do
		n = n + 1
		local ok, r = pcall(skynet.call, target.address, "lua", "call", target.key, n)
		calls = calls + 1
		if not ok or r ~= n then
			if #failed < 20 then
				failed[#failed + 1] = ("%s call %d: %s")
					:format(target.key, n, tostring(r))
			end
		end
		for _ = 1, 3 do
			n = n + 1
			skynet.send(target.address, "lua", "send", target.key, n)
			sends = sends + 1
		end
	end
	alive = alive - 1
end

local command = {}

function command.add(address)
	local key = ("%s>%s"):format(id, tostring(address))
	targets[#targets + 1] = { address = tonumber(address) or address, key = key }
end

function command.go()
	running = true
	for _, t in ipairs(targets) do
		skynet.fork(drive, t)
	end
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
	skynet.dispatch("lua", function(session, _, cmd, ...)
		local r = table.pack(command[cmd](...))
		if session ~= 0 then
			skynet.retpack(table.unpack(r, 1, r.n))
		end
	end)
	if id then
		require "skynet.manager"
		skynet.register(".driver")
	end
end)
