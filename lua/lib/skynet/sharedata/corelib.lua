-- SPDX-License-Identifier: MIT
-- skynet.sharedata.corelib: the proxies of skynet.sharedata. A proxy knows its parent and its key
-- there. Its tree has a generation: when there is a newer version, those that are in use look
-- themselves up again, from the root down.
local core = require "skynet.sharetable.core"
local fast = require "skynet.sharedata.core"

local corelib = {}
local host = {}
corelib.host = host

local get = fast.get
local weak_values, weak_keys = { __mode = "v" }, { __mode = "k" }

-- What belongs to a tree: { tree =, name =, version =, data = the root's table, meta = the
-- metatable of its proxies, map = table -> the proxy that shows it, others = proxy -> { key ->
-- proxy } for tables that a proxy of another path shows, lost = proxies without a table }. A proxy
-- keeps those above it, so that a way down that was gone once returns the same proxies again.
local boxes = setmetatable({}, weak_keys)   -- root proxy -> box

-- ".a.b" of the proxy.
local function path(proxy)
	local parts = {}
	local _, _, parent, key = get(proxy)
	while parent do
		table.insert(parts, 1, tostring(key))
		_, _, parent, key = get(parent)
	end
	return "." .. table.concat(parts, ".")
end

-- The proxy shows the table of its path in the version that the tree shows now: returns that, or
-- false.
local function refresh(box, proxy)
	local data, generation, parent, key = get(proxy)
	local now = fast.generation(box.tree)
	if generation == now then
		return data
	end
	if parent then
		local above = refresh(box, parent)
		data = above and above[key]
	else
		data = box.data
	end
	data = type(data) == "table" and data or false
	fast.show(proxy, data, now)
	if not data then
		box.lost[proxy] = true
	elseif not box.map[data] then
		box.map[data] = proxy
	else
		box.others[parent] = box.others[parent] or setmetatable({}, weak_values)
		box.others[parent][key] = proxy
	end
	return data
end

-- The tree shows this version from now on, and so do its proxies.
local function advance(box, data, version)
	local list = {}
	for _, proxy in pairs(box.map) do
		list[#list + 1] = proxy
	end
	for _, children in pairs(box.others) do
		for _, proxy in pairs(children) do
			list[#list + 1] = proxy
		end
	end
	for proxy in pairs(box.lost) do
		list[#list + 1] = proxy
	end
	for table in pairs(box.map) do
		box.map[table] = nil
	end
	box.others, box.lost = setmetatable({}, weak_keys), setmetatable({}, weak_keys)
	box.data, box.version = data, version
	fast.generation(box.tree, true)
	for _, proxy in ipairs(list) do
		refresh(box, proxy)
	end
end

-- The table that the proxy shows, after the tree has moved to the newest version, if it was told
-- that there is one.
local function current(box, proxy)
	if fast.dirty(box.tree) then
		fast.dirty(box.tree, false)
		local data, version = core.query(box.name)
		if data and version ~= box.version then
			advance(box, data, version)
		end
	end
	local data = refresh(box, proxy)
	if not data then
		error(("The key [%s] doesn't exist after update"):format(path(proxy)), 3)
	end
	return data
end

-- What stands for a value at the key of a proxy.
local function value(box, proxy, key, v)
	if type(v) ~= "table" then
		return v
	end
	if math.type(key) == "float" then
		key = math.tointeger(key)
	end
	local child = box.map[v]
	if child then
		local _, _, parent, own = get(child)
		if rawequal(parent, proxy) and own == key then
			return child
		end
		local children = box.others[proxy]
		if children and children[key] then
			return children[key]
		end
	end
	local new = fast.proxy(box.tree, box.meta, v, proxy, key)
	if child then
		box.others[proxy] = box.others[proxy] or setmetatable({}, weak_values)
		box.others[proxy][key] = new
	else
		box.map[v] = new
	end
	return new
end

local function new_meta(box)
	local meta = {}

	function meta:__newindex(key)
		local own = path(self)
		local path = own == "." and own .. tostring(key) or own .. "." .. tostring(key)
		error(("Error newindex, the key [%s]"):format(path), 2)
	end

	function meta:__len()
		return #current(box, self)
	end

	function meta.__next(self, key)
		local k, v = next(current(box, self), key)
		if k ~= nil then
			return k, value(box, self, k, v)
		end
	end

	function meta:__pairs()
		return meta.__next, self, nil
	end

	fast.prepare(meta, box.tree, box.map, function(self, key)
		return value(box, self, key, current(box, self)[key])
	end)
	return meta
end

-- ---- the functions of the contract ----

-- box(data, name): the root proxy of a shared table that is a version of the name.
function corelib.box(data, name)
	local _, version = core.query(name)
	local box = { tree = fast.tree(), data = data, name = name, version = version,
		map = setmetatable({}, weak_values),
		others = setmetatable({}, weak_keys), lost = setmetatable({}, weak_keys) }
	box.meta = new_meta(box)
	local root = fast.proxy(box.tree, box.meta, data)
	box.map[data] = root
	box.meta.box = box
	boxes[root] = box
	return root
end

-- update(root, data): the proxies show this shared table from now on.
function corelib.update(root, data)
	advance(boxes[root], data)
end

-- Everything below the root that is in use switches now, so that the version before is let go.
function corelib.flush(root)
	pcall(current, boxes[root], root)
end

-- copy(data, key, ...): plain.
function corelib.copy(data, ...)
	for i = 1, select("#", ...) do
		if type(data) ~= "table" then
			return nil
		end
		data = data[(select(i, ...))]
	end
	local meta = type(data) == "table" and debug.getmetatable(data)
	if meta and rawget(meta, "box") then
		data = current(meta.box, data)
	end
	return type(data) == "table" and core.copy(data) or data
end

-- new(name, t): the shared table of a new version; delete(name); getref(name): how many versions
-- the process holds.
function host.new(name, t)
	core.publish(name, t, true)
	return (core.query(name))
end

function host.delete(name)
	return core.withdraw(name)
end

function host.getref()
	return core.count()
end

-- The next access to any proxy of the tree looks for a newer version.
function host.markdirty(root)
	fast.dirty(boxes[root].tree, true)
end

-- A proxy holds its version by itself: there is nothing to count.
function host.incref(data)
	return data
end

host.decref = host.incref

return corelib
