-- SPDX-License-Identifier: MIT
-- Says what it is told, with the place of the line.
local skynet = require "skynet"
require "skynet.manager"
local command = {}

local function say(level, text)
	skynet.log(level, text)
end

function command.say(level, text)
	say(level, text)
	return true
end

function command.many(n, size)
	local text = ("x"):rep(size)
	for i = 1, n do
		skynet.error("flood " .. i .. " " .. text)
	end
	return true
end

function command.name(name)
	skynet.name(name, skynet.self())
	return true
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		skynet.ret(skynet.pack(command[what](...)))
	end)
	skynet.register ".probe"
end)
