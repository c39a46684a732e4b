-- SPDX-License-Identifier: MIT
-- A service there is one of: tells its argument, and what it is asked.
local skynet = require "skynet"

local name = ...
skynet.start(function()
	skynet.dispatch("lua", function(_, _, ...)
		skynet.retpack(name, ...)
	end)
	skynet.sleep(10)
end)
