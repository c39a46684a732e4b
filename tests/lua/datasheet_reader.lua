-- SPDX-License-Identifier: MIT
-- Reads a datasheet for tests/lua/test_datasheet.lua.
local skynet = require "skynet"
local datasheet = require "skynet.datasheet"

skynet.start(function()
	skynet.dispatch("lua", function(_, _, name, key)
		skynet.retpack(datasheet.query(name)[key])
	end)
end)
