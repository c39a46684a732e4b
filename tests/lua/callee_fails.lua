-- SPDX-License-Identifier: MIT
-- A service that does not come to life, by its first argument: in its start function, or while it loads.
local skynet = require "skynet"

if (...) == "load" then
	error { code = 5 }
end
skynet.start(function() error { code = 4 } end)
