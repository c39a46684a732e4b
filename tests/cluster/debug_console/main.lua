-- SPDX-License-Identifier: MIT
-- Starts a debug console on a port of the kernel's choice, and a shop to look at.
local skynet = require "skynet"
require "skynet.manager"

skynet.start(function()
	skynet.newservice("debug_console", "127.0.0.1", "0")
	skynet.newservice("debug_console", "0") -- the address may be left out
	skynet.newservice("shop", "first")
end)
