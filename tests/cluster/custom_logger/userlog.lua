-- SPDX-License-Identifier: MIT
-- A program's own log service: what it is told goes into a file as "handle|text".
local skynet = require "skynet"
require "skynet.manager"

local file = assert(io.open(skynet.getenv "user_log", "a"))
file:setvbuf "line"

skynet.register_protocol {
	name = "text",
	id = skynet.PTYPE_TEXT,
	unpack = skynet.tostring,
	dispatch = function(_, source, text)
		file:write(("%08x|%s\n"):format(source, text))
	end,
}

skynet.register_protocol {
	name = "SYSTEM",
	id = skynet.PTYPE_SYSTEM,
	unpack = function(...) return ... end,
	dispatch = function(_, source)
		file:write(("%08x|SYSTEM\n"):format(source))
	end,
}

skynet.start(function()
	file:write(("%08x|I am here, .logger is %08x\n"):format(skynet.self(),
		skynet.localname ".logger" or 0))
end)
