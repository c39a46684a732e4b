-- SPDX-License-Identifier: MIT
-- A service that does not come to life, in a way that its first argument says.
local skynet = require "skynet"

local what = ...
if what == "load" then
	error { code = 5 }
end
if what == "manager" then
	skynet.kill(1)
end
skynet.start(function()
	if what == "module" then
		require "skynet.qeueue"
	end
	error { code = 4 }
end)
