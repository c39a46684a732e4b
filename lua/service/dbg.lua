-- SPDX-License-Identifier: MIT
-- dbg COMMAND ...: asks the launcher, logs its answer, ends.
local skynet = require "skynet"

local words = table.pack(...)

skynet.start(function()
	local ok, answer = pcall(skynet.call, ".launcher", "lua", table.unpack(words, 1, words.n))
	if not ok or type(answer) ~= "table" then
		skynet.error(answer)
	else
		local lines = {}
		for key, value in pairs(answer) do
			if type(value) == "table" then
				local pairs_text = {}
				for k, v in pairs(value) do
					pairs_text[#pairs_text + 1] = ("%s:%s"):format(k, v)
				end
				table.sort(pairs_text)
				value = table.concat(pairs_text, "\t")
			end
			lines[#lines + 1] = ("%s\t%s"):format(key, value)
		end
		table.sort(lines)
		for _, line in ipairs(lines) do
			skynet.error(line)
		end
	end
	skynet.exit()
end)
