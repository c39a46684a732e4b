-- SPDX-License-Identifier: MIT
-- Logs what it is told, and measures how long a message of its own takes meanwhile.
local skynet = require "skynet"
require "skynet.manager"
local command = {}

local function say(level, text)
	skynet.log(level, text)
end

function command.say(level, text)
	say(level, text)
	return "said"
end

function command.huge(bytes)
	say("info", "huge " .. ("h"):rep(bytes))
	return "said"
end

-- Logs n lines and answers with the longest of them, in hundredths of a second.
function command.storm(n)
	local longest = 0
	for i = 1, n do
		local began = skynet.hpc()
		skynet.error("storm " .. i)
		longest = math.max(longest, skynet.hpc() - began)
	end
	return longest // 10000000
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		skynet.ret(skynet.pack(command[what](...)))
	end)
	skynet.register(".main")
end)
