-- SPDX-License-Identifier: MIT
-- Cost of a call as calls under way grow: x tasks of one service call another, each again as soon
-- as it is answered; y = ns of wall time a call. "fresh": each call is a task of its own, as
-- requests from outside are; else the x tasks stay. Arguments: calls under way, the caller's
-- collector (generational is the node's own choice), fresh.
local skynet = require "skynet"
local C = require "lib_curve"
local under_way, mode, fresh = ...

if mode == nil then
	skynet.start(function()
		skynet.dispatch("lua", function(_, _, ...) skynet.ret(skynet.pack(...)) end)
	end)
else
	C.start(function()
		-- the host chooses a mode when the start has waited once; ours comes after it
		skynet.sleep(0)
		collectgarbage(mode)
		local s = skynet.newservice(SERVICE_NAME, "echo")
		local x = tonumber(under_way)
		for round = 0, 3 do
			local left, calls = math.max(400000, 2 * x), math.max(400000, 2 * x)
			local t = C.now()
			if fresh then
				local me, answered, sent = coroutine.running(), 0, 0
				local function request()
					skynet.call(s, "lua", 1)
					answered = answered + 1
					if answered == calls then skynet.wakeup(me) end
				end
				while sent < calls do
					while sent < calls and sent < answered + x do
						sent = sent + 1
						skynet.fork(request)
					end
					skynet.yield()
				end
				if answered < calls then skynet.wait(me) end
			else
				C.parallel(x, function()
					while left > 0 do
						left = left - 1
						skynet.call(s, "lua", 1)
					end
				end)
			end
			assert(collectgarbage(mode) == mode, "the collector's mode was changed")
			if round > 0 then C.row("inflight." .. mode .. (fresh and "_fresh" or "")
				.. "_ns", x, (C.now() - t) * 1e9 / calls) end
		end
	end)
end
