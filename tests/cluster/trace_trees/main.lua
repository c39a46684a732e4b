-- SPDX-License-Identifier: MIT
-- A service whose requests go on to others, wait, work and fail.
local skynet = require "skynet"
require "skynet.manager"

local name, child = ...
local command = {}

function command.echo(...) return ... end
function command.child() return skynet.address(skynet.newservice(SERVICE_NAME, name, "child")) end
function command.nap(ti) skynet.sleep(ti) end
function command.hang() skynet.wait() end
function command.work(ms)
	local till = skynet.hpc() + ms * 1000000
	repeat until skynet.hpc() > till
end
function command.fails() error "on purpose" end
function command.ask(who, ...) return skynet.call(who, "lua", ...) end
function command.try(who, ...) return pcall(skynet.call, who, "lua", ...) end
function command.twice(first, second)
	skynet.call(first, "lua", "work", 20)
	skynet.call(second, "lua", "nap", 5)
	skynet.call(second, "lua", "ask", first, "work", 30)
	skynet.sleep(3)
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		skynet.retpack(command[what](...))
	end)
	if not child then
		skynet.register ".shop"
		skynet.register(name .. "SHOP")
	end
end)
