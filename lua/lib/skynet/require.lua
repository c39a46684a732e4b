-- SPDX-License-Identifier: MIT
-- require in a task: modules may wait for answers while they load, others who want the same
-- module wait for it, and what it passed to skynet.init runs before require returns.
--
-- lua/load/require.c calls M.require for modules that are not loaded yet.
local skynet = require "skynet"

local M = {}
-- name -> { owner = thread, waiting = { threads }, value = what the loader returned }
local loading = {}
local blocked = {}  -- thread -> name of the module it waits for
local inits = {}    -- thread -> functions given to skynet.init by the module it loads just now

local function search(name)
	local tried = {}
	for _, searcher in ipairs(package.searchers) do
		local loader, extra = searcher(name)
		if type(loader) == "function" then
			return loader, extra
		elseif type(loader) == "string" then
			tried[#tried + 1] = "\n\t" .. loader:gsub("^\n\t", "")
		end
	end
	error(("module '%s' not found:%s"):format(name, table.concat(tried)), 0)
end

local function load(name, entry, list)
	local loader, extra = search(name)
	local value = loader(name, extra)
	if value == nil then
		value = package.loaded[name]
		if value == nil then
			value = true
		end
	end
	entry.value = value
	local i = 1
	while list[i] do
		list[i]()
		i = i + 1
	end
	package.loaded[name] = value
	return value, extra
end

-- Does the owner of the module wait, over others, for a module that `me` loads?
local function circular(entry, me)
	while entry do
		if entry.owner == me then
			return true
		end
		entry = loading[blocked[entry.owner]]
	end
end

local function wait_for(name, entry)
	local me = coroutine.running()
	if entry.owner == me and entry.value ~= nil then
		return entry.value  -- its own init function requires it
	elseif circular(entry, me) then
		error(("circular dependency on module '%s'"):format(name), 3)
	end
	skynet.checkwait()
	entry.waiting[#entry.waiting + 1] = me
	blocked[me] = name
	skynet.wait(me)
	blocked[me] = nil
	if package.loaded[name] == nil then
		error(("require %s failed"):format(name), 3)
	end
	return package.loaded[name]
end

-- However the loading ends. An error passes by as it is, so whoever shows it has the whole stack.
local leaving = { __close = function(entry)
	loading[entry.name], inits[entry.owner] = nil, entry.outer
	for _, thread in ipairs(entry.waiting) do
		skynet.wakeup(thread)
	end
end }

function M.require(name)
	local entry = loading[name]
	if entry then
		return wait_for(name, entry)
	end
	local me, list = coroutine.running(), {}
	local mine <close> = setmetatable({ name = name, owner = me, waiting = {},
		outer = inits[me] }, leaving)
	loading[name], inits[me] = mine, list
	return load(name, mine, list)
end

function M.init(f)
	local list = inits[coroutine.running()]
	if not list then
		error("skynet.init outside of the main chunk and of require", 3)
	end
	list[#list + 1] = f
end

return M
