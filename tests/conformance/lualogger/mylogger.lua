-- SPDX-License-Identifier: MIT
local skynet = require "skynet"
require "skynet.manager"
local file = assert(io.open(skynet.getenv "logfile", "a"))

skynet.register_protocol {
	name = "text",
	id = skynet.PTYPE_TEXT,
	unpack = skynet.tostring,
	dispatch = function(_, address, text)
		file:write(("%.2f %s %s\n"):format(skynet.time(), skynet.address(address), text))
		file:flush()
	end,
}

skynet.register_protocol {
	name = "SYSTEM",
	id = skynet.PTYPE_SYSTEM,
	unpack = function(...) return ... end,
	dispatch = function()
		file:close()
		file = assert(io.open(skynet.getenv "logfile", "a"))
		file:write "reopened\n"
		file:flush()
	end,
}

skynet.start(function() end)
