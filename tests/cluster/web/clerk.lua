-- SPDX-License-Identifier: MIT
-- Works until it leaves.
local skynet = require "skynet"

local command = {}

function command.work() return true end
function command.fails() error "on purpose" end
function command.rest(cs) skynet.sleep(cs) return true end
function command.toil(seconds)
	local till = skynet.hpc() + seconds * 1000000000
	repeat until skynet.hpc() > till
end
function command.leave() skynet.exit() end

skynet.start(function()
	skynet.dispatch("lua", function(_, session, what, ...)
		local answer = command[what](...)
		if session ~= 0 then
			skynet.retpack(answer)
		end
	end)
end)
