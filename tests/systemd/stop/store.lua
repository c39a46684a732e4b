-- Keeps the highest number of each name, and writes them into a file when the node stops.
local skynet = require "skynet"

local highest = {}

skynet.start(function()
	skynet.dispatch("lua", function(_, _, text)
		local name, n = text:match "(%S+) (%d+)"
		n = math.tointeger(n)
		assert(n == (highest[name] or 0) + 1, "one is missing")
		highest[name] = n
		skynet.retpack(true)
	end)
	skynet.on_stop(function()
		local f = assert(io.open(os.getenv "STATE_DIRECTORY" .. "/saved", "w"))
		for name, n in pairs(highest) do
			f:write(name, " ", n, "\n")
		end
		f:close()
	end)
end)
