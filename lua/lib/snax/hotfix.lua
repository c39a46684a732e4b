-- SPDX-License-Identifier: MIT
-- snax.hotfix: new functions for a living snax service, which keep its local variables.
local interface = require "snax.interface"

local function source_of(f)
	return debug.getinfo(f, "S").source
end

-- Calls visit(function, index, name, value) for each upvalue of the function and of the functions
-- that they hold, once a function. enter(f): whether one of those is looked into.
local function walk(f, enter, visit, seen)
	seen[f] = true
	for i = 1, math.huge do
		local name, value = debug.getupvalue(f, i)
		if not name or name == "" then
			return
		end
		visit(f, i, name, value)
		if type(value) == "function" and not seen[value] and enter(value) then
			walk(value, enter, visit, seen)
		end
	end
end

-- name -> list of { f =, index =, id = }: the local variables that the methods can reach, each
-- once. Those of the methods' own files come first: of other files' a name stands for one only
-- where the own ones have none of that name.
local function variables_of(methods)
	local own, near, far, seen = {}, {}, {}, {}
	for _, method in pairs(methods) do
		if method[4] then
			own[source_of(method[4])] = true
		end
	end
	local function note(f, index, name)
		local list = own[source_of(f)] and near or far
		local id = debug.upvalueid(f, index)
		list[name] = list[name] or {}
		for _, known in ipairs(list[name]) do
			if known.id == id then
				return
			end
		end
		table.insert(list[name], { f = f, index = index, id = id })
	end
	for _, method in pairs(methods) do
		if method[4] and not seen[method[4]] then
			walk(method[4], function() return true end, note, seen)
		end
	end
	return setmetatable(near, { __index = far })
end

-- The patch's local variables without a value become the ones of the service.
local function join(f, is_new, variables, seen)
	walk(f, is_new, function(g, index, name, value)
		local list = value == nil and variables[name]
		if list then
			if #list > 1 then
				error("ambiguity local value " .. name, 0)
			end
			debug.upvaluejoin(g, index, list[1].f, list[1].index)
		end
	end, seen)
end

local function find(methods, group, name)
	for _, method in pairs(methods) do
		if method[2] == group and method[3] == name then
			return method
		end
	end
	error(("Patch mismatch %s.%s"):format(group, name), 0)
end

-- Replaces all or nothing.
local function patch(methods, name, source)
	local label = ("=%s (hotfix)"):format(name)
	local function is_new(f)
		return source_of(f) == label
	end
	local new = interface(name, _G, function(_, _, env)
		return assert(load(source, label, "bt", env))
	end)
	local variables, seen, replaced = variables_of(methods), {}, {}
	for _, method in ipairs(new) do
		local f = method[4]
		if f then
			replaced[find(methods, method[2], method[3])] = f
			if is_new(f) and not seen[f] then
				join(f, is_new, variables, seen)
			end
		end
	end
	local hotfix = new[3][4]
	for method, f in pairs(replaced) do
		if f ~= hotfix then
			method[4] = f
		end
	end
	return hotfix
end

-- hotfix(methods, name, source, ...): replaces functions of the methods (as snax.interface returns
-- them) of the snax service by those that the script `source` defines, and calls its hotfix(...).
-- Local variables that the script declares without a value are those of the same name that the
-- methods use. Returns true and what hotfix returned, or false and why; if that was not hotfix's
-- own failure, nothing is replaced.
return function(methods, name, source, ...)
	local ok, f = pcall(patch, methods, name, source)
	if ok and f then
		return pcall(f, ...)
	end
	return ok, f
end
