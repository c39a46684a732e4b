-- SPDX-License-Identifier: MIT
local skynet = require "skynet"

skynet.start(function()
	skynet.error("one", 2, nil, true)
	local n = 0
	local function tick()
		n = n + 1
		skynet.error("tick", n)
		skynet.timeout(5, tick)
	end
	tick()
end)
