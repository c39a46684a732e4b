-- SPDX-License-Identifier: MIT
-- A service as most are: it has a global name and cannot move.
local skynet = require "skynet"
local harbor = require "skynet.harbor"
local name = ...

skynet.start(function()
	harbor.register(name)
	skynet.dispatch("lua", function(_, _, ...)
		skynet.retpack(...)
	end)
end)
