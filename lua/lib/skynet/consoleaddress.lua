-- SPDX-License-Identifier: MIT
-- Addresses as operators write them: ":0300000a", "a" (of this node), ".name". Gives the handle, or raises.
local skynet = require "skynet"

return function(text)
	if not text then
		error("Need an address", 0)
	end
	local hex = text:match "^:?(%x+)$"
	local handle = hex and #hex <= 8 and tonumber(hex, 16) or text:match "^%." and skynet.localname(text)
	if not handle then
		error("Not a valid name", 0)
	end
	if hex and text:sub(1, 1) ~= ":" and handle >> 24 == 0 then
		handle = handle | skynet.harbor(skynet.self()) << 24
	end
	return handle
end
