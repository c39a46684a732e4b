-- SPDX-License-Identifier: MIT
-- A service to look at, under a name of the node and one of the cluster: requests that wait for
-- everything there is to wait for, and such as never come back.
local skynet = require "skynet"
require "skynet.manager"

local name, child = ...
local command = {}

function command.echo(...) return ... end
function command.hang() skynet.wait() end
function command.nap(ti) skynet.sleep(ti) end
function command.ask(who, ...) return skynet.call(who, "lua", ...) end
function command.limited(who, ...) return skynet.calltimeout(3000, who, "lua", ...) end
function command.child() return skynet.address(skynet.newservice(SERVICE_NAME, name, "child")) end

local queue = require "skynet.queue"()
function command.queued() return queue(skynet.wait) end

local socket = require "skynet.socket"
function command.read()
	local listener, _, port = socket.listen("127.0.0.1", 0)
	socket.start(listener, function() end)
	return socket.readline(assert(socket.open("127.0.0.1", port)))
end

function command.many(n)
	for i = 1, n do
		skynet.fork(i % 10 == 0 and skynet.sleep or skynet.wait, i % 10 == 0 and 6000 or {})
	end
end

function command.loop()
	local i = 0
	while true do
		i = i + 1 -- the loop
	end
end

local function down(n)
	if n == 0 then
		command.loop()
	end
	down(n - 1)
	return n
end
command.deep = down

function command.coroutine() coroutine.wrap(function() command.loop() end)() end
function command.pcalled() pcall(table.sort, { 2, 1 }, function() command.loop() end) end
function command.tostring()
	return tostring(setmetatable({}, { __tostring = function() command.loop() end }))
end
function command.bad_tostring()
	error(setmetatable({}, { __tostring = function() error "in __tostring" end }))
end
function command.vararg(...) command.loop(...) end
function command.gsub()
	return ("x"):rep(3000):gsub(("x*"):rep(12) .. "y", "") -- takes hours
end
function command.crash(how, ...) return require "crash"[how](...) end

skynet.start(function()
	if child == "vararg" then
		skynet.dispatch("lua", function(...)
			local what = select(3, ...)
			skynet.retpack(command[what](select(4, ...)))
		end)
	else
		skynet.dispatch("lua", function(_, _, what, ...)
			skynet.retpack(command[what](...))
		end)
	end
	if not child then
		skynet.register ".shop"
		skynet.register(name .. "SHOP")
	end
end)
