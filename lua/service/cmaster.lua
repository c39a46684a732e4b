-- SPDX-License-Identifier: MIT
-- For bootstrap services of programs that start a master: the master is in C (harbor/) and runs
-- when the configuration says so, so there is nothing to do here. Every request fails with that.
local skynet = require "skynet"

skynet.start(function()
	skynet.dispatch("lua", function()
		error "the master of a harbord node is not a service: use skynet.harbor"
	end)
end)
