-- SPDX-License-Identifier: MIT
-- The other node's half of the soak.
local skynet = require "skynet"
require "skynet.manager"

skynet.start(function()
	skynet.dispatch("lua", function(_, _, name, ...)
		if name == "echo" then skynet.retpack(...)
		elseif name == "boom" then error("boom " .. (...))
		end -- else: forgotten
	end)
	skynet.register "SOAKPEER"
end)
