-- SPDX-License-Identifier: MIT
-- A service whose start function waits for a text message; then it starts, fails or exits, as its
-- argument says.
local skynet = require "skynet"

local mode = ...
local told = false
skynet.register_protocol {
	name = "text", id = skynet.PTYPE_TEXT, pack = function(text) return text end,
		unpack = skynet.tostring,
	dispatch = function()
		told = true
		skynet.wakeup "start"
	end,
}
skynet.start(function()
	skynet.dispatch("lua", function(session, _, ...)
		if session ~= 0 then skynet.retpack(...) end
	end)
	if not told then
		skynet.wait "start"
	end
	if mode == "fail" then
		error "failed in start"
	elseif mode == "exit" then
		skynet.exit()
	end
end)
