-- SPDX-License-Identifier: MIT
-- `.probe`: logs at every level; counts how often an argument was made a text.
local skynet = require "skynet"
require "skynet.manager"

local made = 0
local counted = setmetatable({}, { __tostring = function() made = made + 1 return "counted" end })

local command = {}

function command.say(what)
	skynet.error(what, "by error")
	for _, level in ipairs { "debug", "info", "warning", "error" } do
		skynet.log(level, what, "at", level)
	end
	return true
end

function command.made()
	local before = made
	skynet.log("debug", counted)
	return made - before
end

function command.bad()
	return pcall(function() skynet.log("loud", "text") end)
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, name, ...) skynet.retpack(command[name](...)) end)
	skynet.register ".probe"
end)
