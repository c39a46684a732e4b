-- SPDX-License-Identifier: MIT
-- `.probe` runs what it is told, with the snax scripts of this folder.
local skynet = require "skynet"
require "skynet.manager"

local env = setmetatable({ skynet = skynet, snax = require "skynet.snax", kept = {} },
	{ __index = _G })

skynet.start(function()
	skynet.dispatch("lua", function(_, _, text)
		skynet.retpack(assert(load(text, "=eval", "t", env))())
	end)
	skynet.register ".probe"
end)
