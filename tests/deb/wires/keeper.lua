-- SPDX-License-Identifier: MIT
-- One of the cluster.
local skynet = require "skynet"

skynet.start(function()
	skynet.dispatch("lua", function() skynet.retpack(true) end)
end)
