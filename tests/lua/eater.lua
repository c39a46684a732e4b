-- SPDX-License-Identifier: MIT
-- Has a memory limit and wants more.
local skynet = require "skynet"

local function eat()
	return ("x"):rep(8 << 20)
end

local when = ...
skynet.memlimit(4 * 1024 * 1024)
if when == "load" then
	eat()
end
skynet.start(function()
	if when == "start" then
		eat()
	end
	skynet.dispatch("lua", function(_, _, what)
		if what == "caught" then
			local x = ("x"):rep(1 << 20)
			return skynet.retpack(select(2,
				pcall(function() return x .. x .. x .. x end)))
		end
		if not what then
			local t = {}
			for i = 1, 1e7 do
				t[i] = ("x"):rep(1000) .. i
			end
		end
		skynet.retpack "fine"
	end)
end)
