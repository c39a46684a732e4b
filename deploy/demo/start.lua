-- SPDX-License-Identifier: MIT
-- Starts the services that its arguments name, each with arguments of its own behind colons:
-- `room:A room:B field`. A configuration has one start service; this is it where a node needs more.

local skynet = require "skynet"

local services = { ... }

skynet.start(function()
	for _, service in ipairs(services) do
		skynet.newservice(service:gsub(":", " "):match "^(%S+) ?(.*)$")
	end
	skynet.exit()
end)
