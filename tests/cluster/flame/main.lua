-- SPDX-License-Identifier: MIT
-- A service that works, in functions whose shares are known: three parts of its time in one, one
-- part in another, and some in C.
local skynet = require "skynet"
require "skynet.manager"

local name, child = ...
local command = {}

local function spend(n)
	local s = 0
	for i = 1, n do
		s = s + i % 7
	end
	return s
end

local function three() return (spend(3000)) end
local function one() return (spend(1000)) end
local function sorted()
	table.sort({ 3, 2, 1 }, function(a, b) return spend(100) and a < b end)
end

function command.echo(...) return ... end
function command.child() return skynet.address(skynet.newservice(SERVICE_NAME, name, "child")) end
function command.work()
	skynet.fork(function()
		while true do
			for _ = 1, 20 do
				three()
				one()
			end
			sorted()
			skynet.yield()
		end
	end)
end
function command.coroutine()
	skynet.fork(function()
		local go = coroutine.wrap(function()
			while true do
				three()
				coroutine.yield()
			end
		end)
		while true do
			go()
			skynet.yield()
		end
	end)
end
function command.loop() while true do one() end end
function command.strange()
	local f = load("local n = ... for i = 1, n do end", '=<&>";\n\1\xff')
	while true do
		f(100000)
	end
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
