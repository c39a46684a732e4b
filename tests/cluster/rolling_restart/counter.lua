-- SPDX-License-Identifier: MIT
-- Counts what each sender numbers, and moves with what it counted.
local skynet = require "skynet"
local harbor = require "skynet.harbor"

local name = ...
local seen, faults, lives = skynet.handover_state()
seen, faults, lives = seen or {}, faults or {}, (lives or 0) + 1

local command = {}

-- The number that each sender sends is one more than the last.
local function check(who, n, how)
	local last = seen[who] or 0
	if n ~= last + 1 and #faults < 20 then
		faults[#faults + 1] = ("%s %s: %d after %d, life %d")
			:format(who, how, n, last, lives)
	end
	seen[who] = n
end

function command.call(who, n)
	check(who, n, "call")
	if n % 7 == 0 then
		skynet.sleep(1)
	end
	return n
end

function command.send(who, n)
	check(who, n, "send")
end

function command.slow(ti)
	skynet.sleep(ti)
	return "slow"
end

function command.report()
	return skynet.address(skynet.self()), lives, table.concat(faults, "; ")
end

function command.where(self)
	return skynet.self(), lives
end

skynet.start(function()
	skynet.dispatch("lua", function(session, source, cmd, ...)
		if session ~= 0 then
			skynet.retpack(command[cmd](...))
		else
			command[cmd](...)
		end
	end)
	skynet.on_handover(function()
		return seen, faults, lives
	end)
	if lives == 1 and name then
		assert(harbor.register(name))
	end
end)
