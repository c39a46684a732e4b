-- SPDX-License-Identifier: MIT
-- skynet.sharetable: tables that all services of this node read without a copy of their own. Their
-- data is outside every Lua heap; what a service holds are proxies
-- (lua/modules/share/sharetable.c). What loads may yield.
local skynet = require "skynet"
local service = require "skynet.service"
local core = require "skynet.sharetable.core"

local sharetable = {}

-- The service shows what is shared: debug INFO returns { name = { version =, size = } }.
local function manager()
	local skynet = require "skynet"
	local core = require "skynet.sharetable.core"

	skynet.info_func(function()
		local list = {}
		for _, full in ipairs(core.names "sharetable:") do
			list[full:match ":(.*)"] = { version = core.current(full),
				size = core.size(full) }
		end
		return list
	end)
end

local started

local function full_name(name)
	assert(type(name) == "string", "the name of a shared table is a string")
	return "sharetable:" .. name
end

local function new_name(name)
	local full = full_name(name)
	if not started then
		service.new("sharetable", manager)
		started = true
	end
	return full
end

-- loadfile(filename, ...), loadstring(name, source, ...), loadtable(name, t): the new current
-- version of the name (of the file name). The chunk runs with the arguments in a state of its own:
-- they are booleans, numbers, light userdata or C functions without upvalues.
function sharetable.loadfile(filename, ...)
	core.load(new_name(filename), filename, nil, ...)
end

function sharetable.loadstring(name, source, ...)
	core.load(new_name(name), nil, source, ...)
end

function sharetable.loadtable(name, t)
	core.publish(new_name(name), t)
end

-- The current version, or nil.
function sharetable.query(name)
	return (core.query(full_name(name)))
end

-- name -> table, for the names of the list or for all.
function sharetable.queryall(list)
	local result = {}
	if not list then
		list = {}
		for i, full in ipairs(core.names "sharetable:") do
			list[i] = full:match ":(.*)"
		end
	end
	for _, name in ipairs(list) do
		result[name] = sharetable.query(name)
	end
	return result
end

-- ---- update ----

local function replace_locals(co, gone, visit)
	local level = co == coroutine.running() and 2 or 0
	while true do
		local info = debug.getinfo(co, level, "f")
		if not info then
			return
		end
		visit(info.func)
		for step = 1, -1, -2 do
			local i = step
			while true do
				local name, value = debug.getlocal(co, level, i)
				if not name then
					break
				end
				if gone[value] then
					debug.setlocal(co, level, i, nil)
				else
					visit(value)
				end
				i = i + step
			end
		end
		level = level + 1
	end
end

-- Sets every reference to these proxies to nil: in tables (as values), upvalues, locals, user
-- values.
local function clear(vanished)
	local gone, seen, queue = {}, {}, {}
	for i = 1, #vanished do
		gone[vanished[i]] = true
		vanished[i] = nil
	end
	seen[gone], seen[seen], seen[queue], seen[vanished] = true, true, true, true

	local function visit(value)
		local kind = type(value)
		if (kind == "table" or kind == "function" or kind == "thread" or kind == "userdata")
			and not seen[value] and not core.is_shared(value) then
			seen[value] = true
			queue[#queue + 1] = value
		end
	end
	visit(debug.getregistry())
	visit((coroutine.running()))
	for _, value in ipairs { "", 0, true, print } do
		visit(debug.getmetatable(value))
	end
	visit(debug.getmetatable(nil))
	-- The values that read(i), a flag and a value, has from 1 on.
	local function numbered(read, remove)
		local i = 1
		while true do
			local has, value = read(i)
			if not has then
				return
			end
			if gone[value] then
				remove(i)
			else
				visit(value)
			end
			i = i + 1
		end
	end
	while #queue > 0 do
		local object = table.remove(queue)
		local kind = type(object)
		if kind == "table" then
			for key, value in next, object do
				visit(key)
				if gone[value] then
					rawset(object, key, nil)
				else
					visit(value)
				end
			end
			visit(debug.getmetatable(object))
		elseif kind == "function" then
			numbered(function(i)
				local name, value = debug.getupvalue(object, i)
				return name, value
			end, function(i) debug.setupvalue(object, i, nil) end)
		elseif kind == "thread" then
			replace_locals(object, gone, visit)
		else
			numbered(function(i)
				local value, has = debug.getuservalue(object, i)
				return has, value
			end, function(i) debug.setuservalue(object, nil, i) end)
			visit(debug.getmetatable(object))
		end
	end
end

-- update(name, ...): every reference of this service to an older version of the names is one to the
-- current version; those to subtables that are no more become nil.
function sharetable.update(...)
	for _, name in ipairs { ... } do
		local vanished = core.update(full_name(name))
		if #vanished > 0 then
			clear(vanished)
		end
	end
end

return sharetable
