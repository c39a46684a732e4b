-- SPDX-License-Identifier: MIT
-- A service that can move: it counts what it has sold.
local skynet = require "skynet"

local sold = skynet.handover_state() or 0

skynet.start(function()
	skynet.on_handover(function() return sold end)
	skynet.dispatch("lua", function()
		sold = sold + 1
		skynet.retpack(sold, skynet.getenv "nodename")
	end)
end)
