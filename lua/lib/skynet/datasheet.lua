-- SPDX-License-Identifier: MIT
-- skynet.datasheet: sheets as tables that follow updates in place. A table is filled from the
-- shared bytes when it is first looked at, and is an ordinary table from then on.
local skynet = require "skynet"
local core = require "skynet.datasheet.core"

local datasheet = {}

local service
skynet.init(function()
	service = skynet.uniqueservice "sharedatad"
end)

-- table -> { sheet =, id =, children = { key -> table } }; sheet nil: it has vanished
local nodes = setmetatable({}, { __mode = "k" })
local weak = { __mode = "v" }
local lazy, invalid = {}, {}

local function new_table(sheet, id)
	local t = setmetatable({}, lazy)
	nodes[t] = { sheet = sheet, id = id, children = setmetatable({}, weak) }
	return t
end

local function fill(t)
	local node = nodes[t]
	setmetatable(t, nil)
	core.fill(node.sheet, node.id, t, function(key, id)
		local child = new_table(node.sheet, id)
		node.children[key] = child
		return child
	end)
	return t
end

function lazy.__index(t, key) return fill(t)[key] end
function lazy.__newindex(t, key, value) fill(t)[key] = value end
function lazy.__len(t) return #fill(t) end
function lazy.__pairs(t) return next, fill(t), nil end

local function raise(t)
	error(("Invalid proxy (index = %d)"):format(nodes[t].id), 2)
end
invalid.__index, invalid.__newindex, invalid.__len, invalid.__pairs = raise, raise, raise, raise

local function clear(t)
	setmetatable(t, nil)
	for key in next, t do
		t[key] = nil
	end
end

local function vanish(t)
	local node = nodes[t]
	clear(t)
	setmetatable(t, invalid)
	for _, child in pairs(node.children) do
		vanish(child)
	end
	node.sheet, node.children = nil, setmetatable({}, weak)
end

-- The table and those below it that are in use show the sheet's table `id`.
local function move(t, sheet, id)
	local node = nodes[t]
	local children, untouched = node.children, getmetatable(t) == lazy
	node.sheet, node.id = sheet, id
	if untouched then
		return
	end
	clear(t)
	node.children = setmetatable({}, weak)
	core.fill(sheet, id, t, function(key, child_id)
		local child = children[key]
		children[key] = nil
		if child then
			move(child, sheet, child_id)
		else
			child = new_table(sheet, child_id)
		end
		node.children[key] = child
		return child
	end)
	for _, child in pairs(children) do
		vanish(child)
	end
end

local roots = {}     -- name -> table
local failures = {}  -- name -> why its first query failed

local function follow(name, version)
	local full = "datasheet:" .. name
	while skynet.call(service, "lua", "monitor", full, version) do
		local sheet, newest = core.open(full)
		if newest and newest ~= version then
			version = newest
			move(roots[name], sheet, 0)
		end
	end
end

-- query(name): yields the first time. A name that was unknown stays so for this service.
function datasheet.query(name)
	assert(type(name) == "string", "the name of a datasheet is a string")
	if failures[name] then
		error(failures[name], 2)
	end
	if not roots[name] then
		local sheet, version = core.open("datasheet:" .. name)
		if not sheet then
			failures[name] = ("the datasheet %s is not there"):format(name)
			error(failures[name], 2)
		end
		roots[name] = new_table(sheet, 0)
		skynet.fork(follow, name, version)
	end
	return roots[name]
end

return datasheet
