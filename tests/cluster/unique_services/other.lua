-- SPDX-License-Identifier: MIT
-- Another one of which there is one.
local skynet = require "skynet"

local name = ...
skynet.start(function()
	skynet.dispatch("lua", function(_, _, ...)
		skynet.retpack(name, ...)
	end)
end)
