-- SPDX-License-Identifier: MIT
-- `.probe`: calls to the service CALLEE of another node, and when each of them ended (ns,
-- monotonic).
local skynet = require "skynet"
require "skynet.manager"
local name = ...

local command, ended, noted = {}, {}, {}

function command.echo(x) return x end
function command.hang() skynet.wait() end

-- A call that is not answered; command.ended tells when it ended, and how.
function command.start(key, ...)
	local words = { ... }
	skynet.fork(function()
		local began = skynet.hpc()
		local ok, why = pcall(skynet.call, "CALLEE", "lua", table.unpack(words))
		ended[key] = { ok, tostring(why), skynet.hpc(), skynet.hpc() - began }
	end)
end

function command.ended(key) return table.unpack(ended[key] or {}) end

function command.call(...)
	local began = skynet.hpc()
	local ok, why = pcall(skynet.call, "CALLEE", "lua", ...)
	return ok, why, skynet.hpc() - began
end

function command.send(text) return skynet.send("CALLEE", "lua", text) end
function command.noted() return table.concat(noted, " ") end

skynet.start(function()
	skynet.dispatch("lua", function(session, _, what, ...)
		if session == 0 then
			noted[#noted + 1] = what
		else
			skynet.retpack(command[what](...))
		end
	end)
	skynet.register ".probe"
	if name == "CALLEE" then
		skynet.name(name, skynet.self())
	end
end)
