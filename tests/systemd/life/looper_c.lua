-- Stays in C code, which no hook of Lua's leaves, for longer than anybody waits.
local skynet = require "skynet"

skynet.start(function()
	skynet.timeout(1, function()
		(("a"):rep(60)):find((".-"):rep(30) .. "b")
	end)
end)
