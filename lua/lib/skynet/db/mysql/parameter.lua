-- SPDX-License-Identifier: MIT
-- skynet.db.mysql.parameter: values of Lua as parameters of a prepared statement, as they stand in
-- the request that executes it.
local pack = string.pack

-- type, unsigned or not, and the bytes of one parameter.
local function parameter(v)
	local t = type(v)
	if t == "nil" then
		return 6, ""
	elseif t == "boolean" then
		return 1, v and "\1" or "\0"
	elseif t == "number" then
		local whole = math.tointeger(v)
		if whole then
			return 8, pack("<i8", whole)
		end
		return 5, pack("<d", v)
	elseif t == "string" then
		local n = #v
		if n < 251 then
			return 15, pack("<s1", v)
		elseif n <= 0xffff then
			return 15, "\xfc" .. pack("<s2", v)
		elseif n <= 0xffffff then
			return 15, "\xfd" .. pack("<s3", v)
		end
		return 15, "\xfe" .. pack("<s8", v)
	end
	error("invalid parameter type " .. t, 4)
end

return function(...)
	local n = select("#", ...)
	if n == 0 then
		return ""
	end
	local nulls, types, values = {}, {}, {}
	for i = 0, (n + 7) // 8 - 1 do
		nulls[i + 1] = 0
	end
	for i = 1, n do
		local v = (select(i, ...))
		local kind, bytes = parameter(v)
		types[i], values[i] = pack("<I2", kind), bytes
		if v == nil then
			local at = (i - 1) // 8 + 1
			nulls[at] = nulls[at] | 1 << ((i - 1) % 8)
		end
	end
	for i = 1, #nulls do
		nulls[i] = string.char(nulls[i])
	end
	return table.concat(nulls) .. "\1" .. table.concat(types) .. table.concat(values)
end
