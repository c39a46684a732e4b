-- SPDX-License-Identifier: MIT
-- Starts one room for each name it is given.

local skynet = require "skynet"

local names = { ... }

skynet.start(function()
	for _, name in ipairs(names) do
		skynet.newservice("room", name)
	end
	skynet.exit()
end)
