-- SPDX-License-Identifier: MIT
local skynet = require "skynet"
local multicast = require "skynet.multicast"
local id = math.tointeger(tonumber((...)))
local count, wrong, waiting = 0, 0, nil

local function state() return ("%d, %d wrong"):format(count, wrong) end

skynet.start(function()
	local channel = multicast.new {
		channel = id,
		dispatch = function(_, _, n, t)
			count = count + 1
			if n ~= count or t.text == nil then wrong = wrong + 1 end
			if waiting and count >= waiting.n then
				waiting.answer(true, state())
				waiting = nil
			end
		end,
	}
	channel:subscribe()
	skynet.dispatch("lua", function(_, _, what, n)
		if what == "wait" and count < n then
			waiting = { n = n, answer = skynet.response() }
		elseif what == "unsubscribe" then
			channel:unsubscribe()
			skynet.ret()
		else
			skynet.ret(skynet.pack(state()))
		end
	end)
end)
