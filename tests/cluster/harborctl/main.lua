-- SPDX-License-Identifier: MIT
-- A node to look at: a shop under the name that the argument gives, with requests that wait and that loop.
local skynet = require "skynet"
require "skynet.manager"

local name, child = ...
local command = {}

function command.echo(...) return ... end
function command.hang() skynet.wait() end
function command.loop() while true do end end
function command.loop_for(seconds)
	local till = skynet.hpc() + seconds * 1000000000
	repeat until skynet.hpc() > till
end
function command.child(...) return skynet.address(skynet.newservice(SERVICE_NAME, name, ...)) end
function command.where(what) return what, name end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		skynet.retpack(command[what](...))
	end)
	if not child then
		skynet.register ".shop"
		skynet.register(name .. "SHOP")
	end
end)
