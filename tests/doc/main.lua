-- SPDX-License-Identifier: MIT
-- Lists what `require` finds, then runs the examples. The environment says which: doc_modules,
-- doc_probes (expressions, one a line) and doc_examples. Lines on stdout: "module NAME TYPE",
-- "field NAME KEY TYPE", "object N KEY TYPE", "failed NAME WHY", and "end".
local skynet = require "skynet"

local function show(...)
	io.stdout:write(table.concat({ ... }, "\t") .. "\n")
	io.stdout:flush()
end

local function sorted(t)
	local keys = {}
	for key in pairs(t) do
		keys[#keys + 1] = tostring(key)
	end
	table.sort(keys)
	return keys
end

local function list(what, name, t)
	for _, key in ipairs(sorted(t)) do
		show(what, name, key, type(t[key]))
	end
end

-- The methods of an object: those of the table that its metatable looks into.
local function methods(object)
	local meta = debug.getmetatable(object)
	local index = meta and rawget(meta, "__index")
	return type(index) == "table" and index or {}
end

skynet.start(function()
	for name in (skynet.getenv "doc_modules"):gmatch "%S+" do
		local ok, module = pcall(require, name)
		if not ok then
			show("failed", name, (tostring(module):gsub("\n.*", "")))
		else
			show("module", name, type(module))
			if type(module) == "table" then
				list("field", name, module)
			end
		end
	end
	local n = 0
	for text in (skynet.getenv "doc_probes" or ""):gmatch "[^\n]+" do
		n = n + 1
		local ok, object = pcall(assert(load("return " .. text)))
		if ok then
			list("object", tostring(n), methods(object))
		else
			show("failed", text, tostring(object))
		end
	end
	local left, me = 0, coroutine.running()
	for name in (skynet.getenv "doc_examples"):gmatch "%S+" do
		left = left + 1
		skynet.fork(function()
			local ok, why = pcall(skynet.newservice, name)
			if not ok then
				show("failed", name, why)
			end
			show("done", name)
			left = left - 1
			if left == 0 then
				skynet.wakeup(me)
			end
		end)
	end
	if left > 0 then
		skynet.wait(me)
	end
	show "end"
end)
