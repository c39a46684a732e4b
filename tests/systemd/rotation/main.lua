-- SPDX-License-Identifier: MIT
-- "write": four services log numbered lines, w1 1, w1 2, ...; "last": they end, and the answer is
-- how many each has logged.
local skynet = require "skynet"
require "skynet.manager"
local name = ...

local function writer()
	local n, on = 0, true
	local command = {}

	function command.write()
		skynet.fork(function()
			while on do
				for _ = 1, 100 do
					n = n + 1
					skynet.error(("%s %d"):format(name, n))
				end
				skynet.sleep(1)
			end
		end)
	end

	function command.last()
		on = false
		return n
	end
	return command
end

local function main()
	local writers = {}
	for i = 1, 4 do
		writers[i] = skynet.newservice("main", "w" .. i)
	end
	skynet.register(".main")
	return setmetatable({}, { __index = function(_, what)
		return function()
			local sums = {}
			for i, w in ipairs(writers) do
				sums[i] = skynet.call(w, "lua", what) or 0
			end
			return table.unpack(sums)
		end
	end })
end

skynet.start(function()
	local command = name and writer() or main()
	skynet.dispatch("lua", function(_, _, what)
		skynet.ret(skynet.pack(command[what]()))
	end)
end)
