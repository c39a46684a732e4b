-- SPDX-License-Identifier: MIT
-- skynet.db.pgsql.parameter: values of Lua as parameters of PostgreSQL. All of them go as texts, of
-- which the server knows what they stand for; only bytes for a bytea go as they are.
--
-- parameter(value, type, level): how it is written (0 text, 1 bytes), and its bytes behind their
-- length. type: the server's number, nil where it is not known. level: of the errors.
local pack = string.pack

local DEPTH <const> = 6 -- arrays in each other

-- Types whose parameters are sent in another way than as their text.
local BYTEA <const>, BYTEAS <const> = 17, 1001
local integers = { [20] = true, [21] = true, [23] = true, [26] = true }

local array_text

-- A number, boolean or text as the server reads it.
local function plain_text(v, oid, level)
	local t = type(v)
	if t == "string" then
		return v
	elseif t == "boolean" then
		if integers[oid] then
			return v and "1" or "0"
		end
		return v and "t" or "f"
	elseif t == "number" then
		local whole = math.tointeger(v)
		if whole then
			return ("%d"):format(whole)
		elseif v ~= v then
			return "NaN"
		elseif v == math.huge or v == -math.huge then
			return v > 0 and "Infinity" or "-Infinity"
		end
		return ("%.17g"):format(v)
	end
	error("invalid parameter type " .. t, level)
end

local function hex(bytes)
	return "\\x" .. bytes:gsub(".", function(c)
		return ("%02x"):format(c:byte())
	end)
end

local function member(v, oid, depth, level)
	if v == nil then
		return "NULL"
	elseif type(v) == "table" then
		return (array_text(v, oid, depth + 1, level + 1))
	elseif oid == BYTEAS and type(v) == "string" then
		v = hex(v)
	end
	return '"' .. plain_text(v, nil, level + 1):gsub('["\\]', "\\%0") .. '"'
end

function array_text(list, oid, depth, level)
	if depth > DEPTH then
		error("a parameter has more than 6 arrays in each other", level)
	end
	local parts = {}
	for i = 1, list.n or #list do
		parts[i] = member(list[i], oid, depth, level + 1)
	end
	return "{" .. table.concat(parts, ",") .. "}"
end

-- How a parameter is written (text or bytes), and the bytes.
return function(v, oid, level)
	if v == nil then
		return 0, "\xff\xff\xff\xff"
	elseif type(v) == "table" then
		return 0, pack(">s4", array_text(v, oid, 1, level + 1))
	elseif oid == BYTEA and type(v) == "string" then
		return 1, pack(">s4", v)
	end
	return 0, pack(">s4", plain_text(v, oid, level + 1))
end
