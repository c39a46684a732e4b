-- SPDX-License-Identifier: MIT
-- Loops for ever, and hides errors: only the kill of the service may end it.
local skynet = require "skynet"

skynet.start(function()
	skynet.dispatch("lua", function()
		local guard <close> = setmetatable({}, { __close = function()
			skynet.setenv("spin_gone", "1")
		end })
		while true do
			pcall(function() while true do end end)
		end
	end)
end)
