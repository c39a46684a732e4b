-- SPDX-License-Identifier: MIT
-- skynet.datasheet.builder: makes and publishes sheets (the format is in
-- lua/modules/share/datasheet.h).
local skynet = require "skynet"
local core = require "skynet.datasheet.core"
local shared = require "skynet.sharetable.core"

local builder = {}

local service
skynet.init(function()
	service = skynet.uniqueservice "sharedatad"
end)

local NIL, INT32, FLOAT32, BOOL, TABLE, STRING = 0, 1, 2, 3, 4, 5
local DEPTH_MAX = 150

local function new_document()
	return { tables = {}, n = 0, strings = {}, offsets = {}, size = 0 }
end

local function put_string(doc, s)
	local offset = doc.offsets[s]
	if not offset then
		if s:find("\0", 1, true) then
			error "a string in a datasheet cannot hold a NUL"
		end
		offset = doc.size
		doc.offsets[s] = offset
		doc.strings[#doc.strings + 1] = s .. "\0"
		doc.size = offset + #s + 1
	end
	return ("<I4"):pack(offset)
end

local put_table

-- Type and four bytes.
local function put_value(doc, v, depth)
	local kind = type(v)
	if kind == "nil" then
		return NIL, "\0\0\0\0"
	elseif kind == "number" then
		if math.type(v) == "integer" and v >= -0x80000000 and v <= 0x7fffffff then
			return INT32, ("<i4"):pack(v)
		end
		return FLOAT32, ("<f"):pack(v)
	elseif kind == "boolean" then
		return BOOL, ("<I4"):pack(v and 1 or 0)
	elseif kind == "string" then
		return STRING, put_string(doc, v)
	elseif kind == "table" then
		return TABLE, ("<I4"):pack(put_table(doc, v, depth + 1))
	end
	error(("Unsupport value type %s"):format(kind))
end

function put_table(doc, t, depth)
	if depth > DEPTH_MAX then
		error "tables are nested too deep for a datasheet"
	end
	local id, array = doc.n, #t
	local types, values, pairs_, dict = {}, {}, {}, 0
	doc.n = id + 1
	for i = 1, array do
		local kind, bytes = put_value(doc, t[i], depth)
		types[i], values[i] = string.char(kind), bytes
	end
	for k, v in pairs(t) do
		if type(k) == "string" then
			local key = put_string(doc, k)
			local kind, bytes = put_value(doc, v, depth)
			dict = dict + 1
			types[array + dict] = string.char(kind)
			pairs_[dict] = key .. bytes
		elseif math.type(k) ~= "integer" or k < 1 or k > array then
			error(("Invalid key %s: a datasheet has string keys and 1..n")
				:format(tostring(k)))
		end
	end
	doc.tables[id + 1] = ("<I4I4"):pack(array, dict)
		.. table.concat(types) .. ("\0"):rep(-(array + dict) % 4)
		.. table.concat(values) .. table.concat(pairs_)
	return id
end

-- compile(t): the bytes of the sheet.
function builder.compile(t)
	assert(type(t) == "table", "a datasheet is made of a table")
	local doc = new_document()
	put_table(doc, t, 1)
	local index, offset = {}, 0
	for i, bytes in ipairs(doc.tables) do
		index[i] = ("<I4"):pack(offset)
		offset = offset + #bytes
	end
	return ("<I4I4"):pack(8 + 4 * doc.n + offset, doc.n)
		.. table.concat(index) .. table.concat(doc.tables)
		.. table.concat(doc.strings)
end

local function publish(name, v, only_new)
	assert(type(name) == "string", "the name of a datasheet is a string")
	local bytes = type(v) == "string" and v or builder.compile(v)
	core.check(bytes)
	local full = "datasheet:" .. name
	local version = shared.publish(full, { bytes }, true, only_new)
	assert(version ~= 0, "the datasheet is there already")
	skynet.call(service, "lua", "changed", full)
end

-- new(name, table or compiled): raises if there is one of that name. update(name, ...): its next
-- version. They yield.
function builder.new(name, v)
	publish(name, v, true)
end

function builder.update(name, v)
	publish(name, v, false)
end

return builder
