-- SPDX-License-Identifier: MIT
--
-- http.url: the parts of what a request asks for, decoded. None of them waits.
local url = {}

local function byte_of(digits)
	return string.char(tonumber(digits, 16))
end

local function decode(text)
	return (text:gsub("+", " "):gsub("%%(%x%x)", byte_of))
end

-- parse(u) -> path, decoded; query as it is, "" if there is none
function url.parse(u)
	local path, query = u:match "^([^?]*)%??(.*)$"
	return decode(path), query
end

-- parse_query(q) -> map of names to values, or to an array of them where a name comes again
function url.parse_query(q)
	local found = {}
	for name, value in q:gmatch "(.-)=([^&]*)&?" do
		name, value = decode(name), decode(value)
		local old = found[name]
		if old == nil then
			found[name] = value
		elseif type(old) == "table" then
			old[#old + 1] = value
		else
			found[name] = { old, value }
		end
	end
	return found
end

return url
