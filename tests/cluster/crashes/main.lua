-- SPDX-License-Identifier: MIT
-- A service that ends its node, in one way or another, while others are at work.
local skynet = require "skynet"
require "skynet.manager"

local command = {}

function command.echo(...) return ... end
function command.child() return skynet.address(skynet.newservice(SERVICE_NAME, "child")) end
function command.loop() while true do end end
function command.flood(who, n) for i = 1, n do skynet.send(who, "lua", "echo", i) end end
function command.crash(how, ...)
	local f = require "crash"[how]
	local function inside(...)
		return f(...)
	end
	return (inside(...))
end
function command.coroutine(how) coroutine.wrap(function() require "crash"[how]() end)() end
function command.deep(n, how)
	return n == 0 and require "crash"[how]() or 1 + command.deep(n - 1, how)
end
function command.load(n)
	for _ = 1, n do
		local child = skynet.newservice(SERVICE_NAME, "child")
		skynet.fork(function()
			while true do
				skynet.call(child, "lua", "echo", ("x"):rep(100), {})
			end
		end)
	end
end

local child = ...
skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		skynet.retpack(command[what](...))
	end)
	if child ~= "child" then
		skynet.register ".shop"
	end
end)
