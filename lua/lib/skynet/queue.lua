-- SPDX-License-Identifier: MIT
-- skynet.queue: critical sections, first come first served, re-entrant. One that is killed while it
-- is inside, or waits, is out: the next one comes in.
local skynet = require "skynet"

local running = coroutine.running

local function handler(why)
	return type(why) == "string" and debug.traceback(why, 2) or why
end

local function results(ok, ...)
	if not ok then
		error((...), 0)
	end
	return ...
end

local function queue()
	local owner, depth = nil, 0
	local waiting, first, last = {}, 1, 0

	-- Closed by every way out of a section: return, error, kill.
	local guard = setmetatable({}, { __close = function()
		if owner ~= running() then
			return -- killed while it waited
		end
		depth = depth - 1
		if depth > 0 then
			return
		end
		owner, depth = nil, 0
		while first <= last do
			local co = waiting[first]
			waiting[first] = nil
			first = first + 1
			if skynet.wakeup(co) then
				owner = co -- from now on, so that nobody overtakes
				return
			end
		end
	end })

	return function(f, ...)
		local me = running()
		local inside <close> = guard
		if owner and owner ~= me then
			skynet.checkwait()
			last = last + 1
			waiting[last] = me
			repeat
				skynet.wait(me)
			until owner == me
		end
		owner = me
		depth = depth + 1
		return results(xpcall(f, handler, ...))
	end
end

skynet.queue = queue
return queue
