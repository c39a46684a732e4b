-- SPDX-License-Identifier: MIT
-- A reader for tests/lua/test_stm.lua.
local skynet = require "skynet"
local stm = require "skynet.stm"

local reader
local command = {}

function command.open(pointer)
	reader = stm.newcopy(pointer)
end

function command.read(...)
	return reader(skynet.unpack, ...)
end

-- Reads while versions change: whether each was whole and none older than the one before.
function command.watch(last)
	local seen, good = -1, true
	while seen < last do
		local changed, n, text = reader(skynet.unpack)
		if changed then
			good = good and n > seen and text == ("x"):rep(n % 100)
			seen = n
		else
			skynet.yield()
		end
	end
	return good
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		skynet.retpack(command[what](...))
	end)
end)
