-- SPDX-License-Identifier: MIT
-- The first Lua service: starts the others, then the user's `start` service, and ends.
--
-- Tells the daemon (.daemon) how it went: "start_done", or "start_failed" with the reason.
local skynet = require "skynet"
require "skynet.manager"

skynet.register_protocol {
	name = "text",
	id = skynet.PTYPE_TEXT,
	pack = function(text) return text end,
	unpack = skynet.tostring,
}

local function boot()
	local launcher = assert(skynet.launch("snlua", "launcher"), "the launcher did not start")
	skynet.name(".launcher", launcher)
	skynet.newservice "service_mgr"
	local words = {}
	for word in (skynet.getenv "start_args" or ""):gmatch "%S+" do
		words[#words + 1] = word
	end
	return skynet.newservice(skynet.getenv "start" or "main", table.unpack(words))
end

skynet.start(function()
	local ok, handle, why = pcall(boot)
	if ok and handle == false then
		ok, handle = false, why
	end
	if ok then
		skynet.send(".daemon", "text", "start_done")
	else
		skynet.send(".daemon", "text", "start_failed " .. tostring(handle))
	end
	skynet.exit()
end)
