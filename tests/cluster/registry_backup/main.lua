-- SPDX-License-Identifier: MIT
-- Registers names, and starts services that only are there, so that handles are used up.
local skynet = require "skynet"
require "skynet.manager"
local harbor = require "skynet.harbor"

local command = {}

function command.self() return skynet.self() end

-- true and the number of the registration, or false and why not.
function command.register(name)
	local ok, yes, fence = pcall(harbor.register, name)
	return ok and yes, ok and fence or yes
end

-- The handles of so many services that were born and ended again.
function command.births(n)
	local handles = {}
	for i = 1, n do
		local child = skynet.newservice("child")
		handles[i] = child
		skynet.kill(child)
	end
	return table.unpack(handles)
end

skynet.start(function()
	skynet.dispatch("lua", function(session, _, f, ...)
		if session ~= 0 then
			skynet.retpack(command[f](...))
		end
	end)
	skynet.register ".probe"
end)
