-- SPDX-License-Identifier: MIT
-- Runs a piece of Lua inside a living service (debug command RUN).
local skynet = require "skynet"
local core = require "skynet.core"

-- name -> table: every upvalue of the functions, and of the functions among them, that is a table.
-- The nearest wins.
local function tables_of(list)
	local found, seen = {}, {}
	while #list > 0 do
		local deeper = {}
		for _, g in ipairs(list) do
			for i = 1, math.huge do
				local name, value = debug.getupvalue(g, i)
				if name == nil then
					break
				end
				if type(value) == "table" and name ~= "" and found[name] == nil then
					found[name] = value
				elseif type(value) == "function" and not seen[value] then
					seen[value] = true
					deeper[#deeper + 1] = value
				end
			end
		end
		list = deeper
	end
	return found
end

-- Returns true or false, and what was printed (with the error behind it).
return function(source, filename, ...)
	local output = {}
	local function show(...)
		local words = table.pack(...)
		for i = 1, words.n do
			words[i] = tostring(words[i])
		end
		output[#output + 1] = table.concat(words, "\t")
	end
	local protocols, dispatches = {}, { skynet.register_protocol }
	for name, p in pairs(skynet._proto) do
		if type(name) == "string" and p.dispatch then
			protocols[name] = tables_of { p.dispatch }
			if name ~= "debug" then -- ours, of no interest
				dispatches[#dispatches + 1] = p.dispatch
			end
		end
	end
	local env = setmetatable({
		print = show,
		_U = tables_of(dispatches),
		_P = protocols,
	}, { __index = _ENV })
	local f, why = load(source, "@" .. tostring(filename), "t", env)
	local ok = f ~= nil
	if ok then
		ok, why = xpcall(f, function(e) return debug.traceback(core.shown(e), 2) end, ...)
	end
	if not ok then
		output[#output + 1] = tostring(why)
	end
	collectgarbage()
	return ok, table.concat(output, "\n")
end
