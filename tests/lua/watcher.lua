-- SPDX-License-Identifier: MIT
-- Hears of the ends of services (PTYPE_CLIENT, source = who ended); answers whether a handle is
-- among them.
local skynet = require "skynet"

local ended = {}

skynet.register_protocol {
	name = "client",
	id = skynet.PTYPE_CLIENT,
	unpack = function() end,
	dispatch = function(_, source) ended[source] = true end,
}

skynet.start(function()
	skynet.dispatch("lua", function(_, _, handle) skynet.retpack(ended[handle] or false) end)
end)
