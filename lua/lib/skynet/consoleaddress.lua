-- SPDX-License-Identifier: MIT
-- Addresses as operators write them: ":0300000a", "a" (of this node), ".name", a global name.
-- Returns the handle, or raises. A name that somebody registered comes before the number that it
-- could be ("FACE").
local skynet = require "skynet"
local harbor = require "skynet.harbor"

return function(text)
	if not text then
		error("Need an address", 0)
	end
	if text:match "^%." then
		return skynet.localname(text) or error("Not a valid name", 0)
	end
	local known, named = pcall(harbor.find, text)
	if known and named then
		return named
	end
	local hex = text:match "^:?(%x+)$"
	local handle = hex and #hex <= 8 and tonumber(hex, 16)
	if not handle then
		error("Not a valid name", 0)
	end
	if text:sub(1, 1) ~= ":" and handle >> 24 == 0 then
		handle = handle | skynet.harbor(skynet.self()) << 24
	end
	return handle
end
