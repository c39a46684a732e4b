-- SPDX-License-Identifier: MIT
-- `.probe`, which the tests ask by harborctl, and the global name of its argument.
local skynet = require "skynet"
require "skynet.manager"
local harbor = require "skynet.harbor"

local name = ...
local command, ended, heard = {}, {}, {}

function command.echo(...) return ... end
function command.self() return skynet.self() end
function command.hang() skynet.wait() end
function command.spawn() return skynet.newservice(SERVICE_NAME, "") end
function command.kill(handle) skynet.kill(math.tointeger(handle)) end
function command.big(size) return ("b"):rep(math.tointeger(size)) end

local function timed(f, ...)
	local began = skynet.hpc()
	local ok, answer = pcall(f, ...)
	return ok, answer, (skynet.hpc() - began) / 1e9
end

-- ok, answer or the error, seconds.
function command.ask(to, ...)
	return timed(skynet.call, math.tointeger(to) or to, "lua", ...)
end

function command.ask_within(ti, to, ...)
	return timed(skynet.calltimeout, math.tointeger(ti), to, "lua", ...)
end

-- The same in the background: command.ended tells how it ended, nothing before.
function command.start(key, to, ...)
	local words = { ... }
	skynet.fork(function()
		ended[key] = { command.ask(to, table.unpack(words)) }
	end)
	return true
end

function command.ended(key) return table.unpack(ended[key] or {}) end

-- A request and an answer of that size: ok, bytes of the answer or the error, seconds.
function command.exchange(to, size)
	local ok, answer, seconds = timed(skynet.call, to, "lua", "big", size,
		("q"):rep(math.tointeger(size)))
	return ok, ok and #answer or answer, seconds
end

-- n calls of a name, each answered right: returns how many were not, and the slowest in seconds.
function command.traffic(to, n)
	local wrong, slowest = 0, 0
	for i = 1, n do
		local ok, answer, seconds = timed(skynet.call, to, "lua", "echo", i)
		if not ok or answer ~= i then wrong = wrong + 1 end
		slowest = math.max(slowest, seconds)
	end
	return wrong, slowest
end

function command.send(to, n)
	for _ = 1, math.tointeger(n) do skynet.send(math.tointeger(to) or to, "lua", "echo") end
	return true
end

function command.register(global)
	local ok, why = pcall(harbor.register, global)
	return ok and "ok" or why
end

function command.release(global)
	return (pcall(harbor.release, global))
end

function command.query(global, ti)
	return timed(harbor.queryname, global, ti and math.tointeger(ti))
end

function command.find(global) return harbor.find(global) or 0 end

-- Who waits in skynet.monitor-like ways for the end of a node: command.heard tells.
function command.watch(id)
	skynet.fork(function()
		harbor.link(math.tointeger(id))
		heard[id] = true
	end)
	return true
end

function command.heard(id) return heard[id] or false end

skynet.start(function()
	skynet.dispatch("lua", function(session, _, what, ...)
		if session ~= 0 then skynet.retpack(command[what](...)) end
	end)
	if not skynet.localname ".probe" then skynet.register ".probe" end
	if name and name ~= "" then skynet.register(name) end
end)
