-- SPDX-License-Identifier: MIT
-- `.probe`, which the tests ask by harborctl, and the global name of its argument.
local skynet = require "skynet"
require "skynet.manager"
local harbor = require "skynet.harbor"
local name = ...
local command, ended, told = {}, {}, 0

function command.echo(...) return ... end

-- ok, the answer or the error, seconds.
function command.ask(to, ...)
	local began = skynet.hpc()
	local ok, answer = pcall(skynet.call, to, "lua", ...)
	return ok, answer, (skynet.hpc() - began) / 1e9
end

-- Calls again and again until one fails: command.failure tells then why, and how long that one
-- took.
function command.call_on(to)
	ended[to] = nil
	skynet.fork(function()
		repeat
			local ok, why, took = command.ask(to, "echo")
			ended[to] = not ok and { why, took }
			skynet.sleep(1)
		until not ok
	end)
	return true
end

function command.failure(to) return table.unpack(ended[to] or {}) end
-- Sends, which waits for nothing.
function command.tell(to, ...)
	skynet.send(to, "lua", "hear", ...)
	return true
end

function command.hear() told = told + 1 end
function command.told() return told end
function command.owner(of) return harbor.queryname(of) end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		skynet.retpack(command[what](...))
	end)
	skynet.register ".probe"
	skynet.register(name)
end)
