-- SPDX-License-Identifier: MIT
-- snax.interface: reads the script of a snax service, in the service and in whoever calls it.
local skynet = require "skynet"
local find = require "snax.find"

local SYSTEM <const> = { "init", "exit", "hotfix", "profile" }
local GROUPS <const> = { "accept", "response" }

-- The table that a script sees as `accept` or `response`: each assignment is a new method.
local function new_group(group, methods)
	local known = {}
	return setmetatable({}, {
		__index = known,
		__newindex = function(_, name, f)
			if type(name) ~= "string" then
				error(group .. " method only support string", 2)
			elseif type(f) ~= "function" then
				error(("%s.%s must be function"):format(group, name), 2)
			elseif known[name] then
				error(("%s.%s duplicate definition"):format(group, name), 2)
			end
			known[name] = f
			methods[#methods + 1] = { #methods + 1, group, name, f }
		end,
	})
end

-- The environment of a script while it is read: assignments of methods are noticed, everything else
-- is as in G. Functions of the script use G itself afterwards, where calls of ours cost nothing.
local function recorder(G, methods)
	local system, special = {}, {}
	for id, name in ipairs(SYSTEM) do
		methods[id] = { id, "system", name }
		system[name] = methods[id]
	end
	for _, group in ipairs(GROUPS) do
		special[group] = new_group(group, methods)
	end
	local reading = true
	local env = setmetatable({}, {
		__index = function(_, name)
			return reading and special[name] or G[name]
		end,
		__newindex = function(_, name, value)
			if reading and system[name] then
				if type(value) ~= "function" then
					error(name .. " must be a function", 2)
				end
				system[name][4] = value
			elseif reading and special[name] then
				error(("methods are defined one by one: function %s.NAME()")
					:format(name), 2)
			else
				G[name] = value
			end
		end,
	})
	return env, function() reading = false end
end

-- Where the chunk's functions look for globals from now on.
local function move(chunk, from, to)
	for i = 1, math.huge do
		local name, value = debug.getupvalue(chunk, i)
		if not name then
			return
		elseif rawequal(value, from) then
			debug.setupvalue(chunk, i, to)
		end
	end
end

local function check_empty(G)
	-- The globals of a service have a metatable until all of them are there (they are put in
	-- when they are used), and asking for it would put them in.
	if G ~= _G and getmetatable(G) ~= nil then
		error("the environment of a snax script is a table without metatable", 3)
	end
	for _, name in ipairs { "init", "exit", "accept", "response" } do
		if G[name] ~= nil then
			error(("the environment of a snax script has a global '%s' already")
				:format(name), 3)
		end
	end
end

-- interface(name, G[, loader]) -> methods, pattern: runs the script of the snax service in the
-- environment G. methods[id] = { id, group, name, function }: 1 to 4 are the group "system", whose
-- functions may be missing; then "accept" and "response" in the order of their definition. pattern:
-- where the script was found. loader(path, name, env) -> chunk, pattern finds it in a way of its
-- own; path: the key `snax` of the configuration, without which scripts lie where services do.
-- Raises why the script is not there or not right.
return function(name, G, loader)
	assert(type(name) == "string", "the name of a snax service is a string")
	check_empty(G)
	local path = skynet.getenv "snax" or skynet.getenv "luaservice"
	if not path then
		error("please set snax in config file", 2)
	end
	local methods = {}
	local env, done = recorder(G, methods)
	local chunk, pattern = (loader or find)(path, name, env)
	chunk()
	done()
	move(chunk, env, G)
	return methods, pattern
end
