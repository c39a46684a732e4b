-- SPDX-License-Identifier: MIT
-- Has a memory limit and wants more.
local skynet = require "skynet"

skynet.memlimit(4 * 1024 * 1024)
skynet.start(function()
	skynet.dispatch("lua", function(_, _, what)
		if not what then
			local t = {}
			for i = 1, 1e7 do
				t[i] = ("x"):rep(1000) .. i
			end
		end
		skynet.retpack "fine"
	end)
end)
