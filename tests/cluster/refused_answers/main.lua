-- SPDX-License-Identifier: MIT
-- `.probe` asks the service P2 of the other node for answers of many sizes.
local skynet = require "skynet"
require "skynet.manager"
local index = ...

local command, result = {}, {}

function command.back(n) return ("x"):rep(n) end
function command.later(n) skynet.sleep(50) return ("x"):rep(n) end

-- By a response object, or with an error text of that size.
function command.respond(n) return skynet.response(), ("x"):rep(n) end
function command.complain(n) return skynet.response(), false, ("x"):rep(n) end

function command.ask(what, n)
	local t = skynet.now()
	local ok, v = pcall(skynet.calltimeout, 1000, "P2", "lua", what, n)
	return ok, ok and #v or v, skynet.now() - t
end

-- Many calls at once, whose answers together are more than the link may hold.
function command.many(count, n)
	result = { answered = 0, failed = 0, why = "" }
	for _ = 1, count do
		skynet.fork(function()
			local ok, v = pcall(skynet.call, "P2", "lua", "later", n)
			local what = ok and "answered" or "failed"
			result[what] = result[what] + 1
			result.why = not ok and v or result.why
		end)
	end
end

function command.ended() return result.answered, result.failed, result.why end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		local first, ok, text = command[what](...)
		if type(first) ~= "function" then
			skynet.retpack(first, ok, text)
		elseif ok == false then
			first(false, text)
		else
			first(true, ok)
		end
	end)
	skynet.register ".probe"
	skynet.name("P" .. index, skynet.self())
end)
