-- SPDX-License-Identifier: MIT
-- skynet.sharemap: one service writes a struct, others read its newest version. A version is the
-- struct as a sproto message in a cell of skynet.stm; the types are those of sproto slot 0. Nothing
-- here yields.
--
-- Writers and readers are looked at like tables (fields, pairs). Their methods hide fields of the
-- same names.
local stm = require "skynet.stm"
local loader = require "sprotoloader"

local sharemap = {}

-- register(protofile): once in the process, before writers and readers.
function sharemap.register(protofile)
	loader.register(protofile, 0)
end

local schema
local function types()
	schema = schema or loader.load(0)
	return schema
end

local function looks_at(methods, data_of)
	return {
		__index = function(_, key)
			local method = methods[key]
			if method ~= nil then
				return method
			end
			return data_of()[key]
		end,
		__pairs = function() return pairs(data_of()) end,
	}
end

-- writer(type[, t]) -> what is written to: fields are those of t, a table that stays the caller's.
--   w:commit()  what is written so far is the newest version
--   w:copy()    a pointer for the reader of one other service
function sharemap.writer(typename, t)
	local sp = types()
	local data = t or {}
	local cell = stm.new(sp:encode(typename, data))
	local methods = {}

	function methods.commit()
		cell(sp:encode(typename, data))
	end

	function methods.copy()
		return stm.copy(cell)
	end

	local meta = looks_at(methods, function() return data end)
	function meta.__newindex(_, key, value)
		data[key] = value
	end
	return setmetatable({}, meta)
end

-- reader(type, pointer) -> the newest version as it is now. The pointer is taken.
--   r:update()  the newest version of now; returns whether it is another one
function sharemap.reader(typename, pointer)
	local cell = stm.newcopy(pointer)
	local sp = types()
	local data = {}
	local methods = {}

	local function decode(bytes, size)
		return (sp:decode(typename, bytes, size))
	end

	function methods.update()
		local changed, newest = cell(decode)
		if changed then
			data = newest
		end
		return changed
	end

	methods.update()
	local meta = looks_at(methods, function() return data end)
	function meta.__newindex(_, key)
		error(("%s: a reader cannot be written to"):format(tostring(key)), 2)
	end
	return setmetatable({}, meta)
end

return sharemap
