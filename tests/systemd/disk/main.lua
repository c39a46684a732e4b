-- SPDX-License-Identifier: MIT
-- Logs so many lines, numbered on from those before, and registers names.
local skynet = require "skynet"
require "skynet.manager"
local lines = 0
local command = {}

function command.log(n)
	for _ = 1, n do
		lines = lines + 1
		skynet.error(("line %d %s"):format(lines, ("x"):rep(200)))
	end
	return lines
end

function command.name(name)
	local ok, why = pcall(skynet.register, name)
	return ok, tostring(why)
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		skynet.ret(skynet.pack(command[what](...)))
	end)
	skynet.register(".main")
end)
