-- SPDX-License-Identifier: MIT
local words = {}

function words.split(line)
	local verb, rest = line:match "^/(%S+)%s*(.*)$"
	return verb, rest
end

return words
