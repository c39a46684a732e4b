-- Launches services, and requires modules in services that are new.
local skynet = require "skynet"
require "skynet.manager"

local command = {}

-- What each of the modules says when a new service requires it.
function command.need(...)
	local s = skynet.newservice("needs")
	local said = skynet.call(s, "lua", ...)
	skynet.kill(s)
	return said
end

function command.launch(...)
	return skynet.address(skynet.newservice(...))
end

skynet.start(function()
	skynet.register ".main"
	skynet.dispatch("lua", function(_, _, cmd, ...) skynet.retpack(command[cmd](...)) end)
end)
