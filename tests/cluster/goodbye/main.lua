-- SPDX-License-Identifier: MIT
-- Registers the name that it is given, if any, and stays.
local skynet = require "skynet"
require "skynet.manager"
local name = ...

skynet.start(function()
	if name then skynet.register(name) end
end)
