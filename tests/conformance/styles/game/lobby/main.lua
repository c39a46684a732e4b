-- SPDX-License-Identifier: MIT
local skynet = require "skynet"
local area = ...

skynet.start(function()
	skynet.dispatch("lua", function(_, _, verb, ...)
		if verb == "where" then
			skynet.retpack(area, PRELOADED)
		elseif verb == "call" then
			skynet.retpack(skynet.call(..., "lua", "where"))
		elseif verb == "cluster" then
			skynet.retpack(require "skynet.cluster".call(..., ".lobby", "where"))
		end
	end)
end)
