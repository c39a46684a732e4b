-- SPDX-License-Identifier: MIT
-- console: each line on stdin launches a service, "name args" or "snax name args". Ends with stdin.
local skynet = require "skynet"
local socket = require "skynet.socket"

local function launch(words)
	if words[1] == "snax" then
		return require "skynet.snax".newservice(table.unpack(words, 2))
	end
	return skynet.newservice(table.unpack(words))
end

skynet.start(function()
	skynet.fork(function()
		local stdin = assert(socket.stdin())
		while true do
			local line = socket.readline(stdin)
			if not line then
				skynet.error "console: stdin has ended"
				skynet.exit()
			end
			local words = {}
			for word in line:gmatch "%S+" do
				words[#words + 1] = word
			end
			if #words > 0 then
				-- a start function may take long, and the next line is not its
				-- business
				skynet.fork(function()
					local ok, why = pcall(launch, words)
					if not ok then
						skynet.error(why)
					end
				end)
			end
		end
	end)
end)
