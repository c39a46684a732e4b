-- SPDX-License-Identifier: MIT
-- For tests of bson: documents of given bytes, tables compared, random values.
local bson = require "bson"
local driver = require "skynet.mongo.driver"

local M = {}

-- What the bytes of a document are as a table. Raises what decode raises.
function M.decode(raw)
	local head = string.pack("<I4I4I4I4B", 1, 7, 2013, 0, 0)
	local message = head .. raw
	local _, _, pointer = driver.reply(message)
	return bson.decode(pointer), message -- which must live until here
end

function M.same(a, b)
	if type(a) ~= "table" or type(b) ~= "table" then
		return a == b and math.type(a) == math.type(b) or a ~= a and b ~= b
	end
	for k, v in pairs(a) do
		if not M.same(v, b[k]) then
			return false
		end
	end
	for k in pairs(b) do
		if a[k] == nil then
			return false
		end
	end
	return true
end

local random = math.random
print("# math.randomseed", math.randomseed()) -- with these a run can be repeated

function M.random_text(most)
	local t = {}
	for i = 1, random(0, most) do
		t[i] = utf8.char(random(4) > 1 and random(32, 126) or random(0x80, 0xd7ff))
	end
	return table.concat(t)
end

local makers = {
	function() return random() * 2.0 ^ random(-60, 60) end,
	function() return random(0) end,
	function() return random(-1000, 1000) end,
	function() return random(2) == 1 end,
	function() return bson.null end,
	function() return bson.objectid() end,
	function() return bson.date(random(0, 0xffffffff)) end,
	function() return bson.date(random(-2 ^ 40 // 1 | 0, 2 ^ 40 // 1 | 0)) end,
	function() return bson.timestamp(random(0, 0xffffffff), random(0, 0xffffffff)) end,
	function() return bson.regex(M.random_text(9), "im") end,
	function() return bson.binary(M.random_text(40), random(3, 255)) end,
	function() return random(2) == 1 and bson.minkey or bson.maxkey end,
	function() return M.random_text(100) end,
	function(depth)
		local t = {}
		for i = 1, random(1, 30) do
			t[i] = M.random_value(depth - 1)
		end
		return t
	end,
	function(depth)
		local t = {}
		for _ = 1, random(0, 8) do
			t[M.random_text(8)] = M.random_value(depth - 1)
		end
		return t
	end,
}

function M.random_value(depth)
	return makers[random(depth > 0 and #makers or #makers - 2)](depth)
end

return M
