-- SPDX-License-Identifier: MIT
local skynet = require "skynet"
require "skynet.manager"

skynet.start(function()
	skynet.register ".main"
	skynet.dispatch("lua", function(_, _, cmd, ...)
		assert(cmd == "new")
		skynet.retpack(skynet.newservice(...))
	end)
end)
