-- SPDX-License-Identifier: MIT
-- A service that the tests drive by harborctl: `.probe`, and a global name if one is given.
local skynet = require "skynet"
require "skynet.manager"
local harbor = require "skynet.harbor"

local name = ...
local command = {}

function command.echo(...) return ... end
function command.self() return skynet.self() end
function command.hang() skynet.wait() end
function command.loop() while true do end end
-- Another service than this one is in an endless loop from now on.
function command.spin()
	skynet.send(skynet.newservice(SERVICE_NAME, ""), "lua", "loop")
	return true
end

-- Registers a global name; "ok" or why not.
function command.register(global)
	local ok, why = pcall(harbor.register, global)
	return ok and "ok" or why
end

function command.query(global, ti)
	local ok, handle = pcall(harbor.queryname, global, ti)
	return ok and handle or 0
end

-- Calls someone; "ok", answer or the error, and how long it took in centiseconds.
function command.ask(to, ...)
	local t0 = skynet.now()
	local ok, answer = pcall(skynet.call, math.tointeger(to) or to, "lua", ...)
	return ok, answer, skynet.now() - t0
end

function command.spawn()
	return skynet.newservice(SERVICE_NAME, "")
end

function command.kill(handle) skynet.kill(math.tointeger(handle)) end

-- n sends and as many calls to a name; gives how many calls were right.
function command.traffic(to, n)
	local right = 0
	for i = 1, n do
		skynet.send(to, "lua", "echo", i)
		local ok, answer = pcall(skynet.call, to, "lua", "echo", i)
		if ok and answer == i then right = right + 1 end
	end
	return right
end

function command.blob(to, size)
	local ok, answer = pcall(skynet.call, to, "lua", "echo", ("x"):rep(size))
	return ok and #answer or answer
end

skynet.start(function()
	skynet.dispatch("lua", function(session, _, what, ...)
		if session == 0 then
			if what == "loop" then command.loop() end
			return
		end
		skynet.retpack(command[what](...))
	end)
	if not skynet.localname ".probe" then
		skynet.register ".probe"
	end
	if name and name ~= "" then
		skynet.register(name)
	end
end)
