-- SPDX-License-Identifier: MIT
-- skynet.queue: critical sections, first come first served, re-entrant (lua-core.md 5.1).
local skynet = require "skynet"

local function queue()
	local owner, depth = nil, 0
	local waiting, first, last = {}, 1, 0

	local function leave(ok, ...)
		depth = depth - 1
		if depth == 0 then
			owner = nil
			if first <= last then
				-- The next one owns it from now on, so that nobody overtakes.
				owner = waiting[first]
				waiting[first] = nil
				first = first + 1
				skynet.wakeup(owner)
			end
		end
		if not ok then
			error((...), 0)
		end
		return ...
	end

	local function handler(why)
		return type(why) == "string" and debug.traceback(why, 2) or why
	end

	return function(f, ...)
		local me = coroutine.running()
		if owner and owner ~= me then
			last = last + 1
			waiting[last] = me
			skynet.wait(me)
			assert(owner == me)
		end
		owner = me
		depth = depth + 1
		return leave(xpcall(f, handler, ...))
	end
end

skynet.queue = queue
return queue
