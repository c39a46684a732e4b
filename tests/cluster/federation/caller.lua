-- SPDX-License-Identifier: MIT
-- A service that calls another cluster: call(...) is answered with what cluster.call returns.
local skynet = require "skynet"
local cluster = require "skynet.cluster"

skynet.start(function()
	skynet.dispatch("lua", function(_, _, ...)
		skynet.retpack(cluster.call(...))
	end)
end)
