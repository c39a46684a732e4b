-- SPDX-License-Identifier: MIT
-- skynet.sharedata.corelib: the proxies of skynet.sharedata. A proxy knows its tree, its parent and its key there. The tree
-- has a generation: a proxy of an older one looks itself up again, from the root down, when it is used next.
local core = require "skynet.sharetable.core"

local corelib = {}
local host = {}
corelib.host = host

-- A proxy holds nothing that next or rawget could show: what belongs to it is here.
-- proxy -> { proxy =, tree =, data = a shared table, generation =, parent = node, key =, children = { key -> proxy } }
-- A node keeps the proxies above it, so that a way down that was gone once gives the same proxies again.
local nodes = setmetatable({}, { __mode = "k" })
local meta = {}
local weak = { __mode = "v" }

-- ".a.b" of the node.
local function path(node)
	local parts = {}
	while node.parent do
		table.insert(parts, 1, tostring(node.key))
		node = node.parent
	end
	return "." .. table.concat(parts, ".")
end

-- The node's table in the version that its tree shows now, or nil if there is none any more.
local function refresh(node)
	local tree = node.tree
	if node.generation ~= tree.generation then
		if node.parent then
			local parent = refresh(node.parent)
			local data = parent and parent[node.key]
			node.data = type(data) == "table" and data or nil
		else
			node.data = tree.data
		end
		node.generation = tree.generation
	end
	return node.data
end

-- The tree moves to the newest version, if it was told that there is one.
local function current(proxy)
	local node = nodes[proxy]
	local tree = node.tree
	if tree.dirty then
		tree.dirty = false
		local data, version = core.query(tree.name)
		if data and version ~= tree.version then
			tree.data, tree.version, tree.generation = data, version, tree.generation + 1
		end
	end
	if node.generation ~= tree.generation and not refresh(node) or not node.data then
		error(("The key [%s] doesn't exist after update"):format(path(node)), 3)
	end
	return node, node.data
end

local function new_proxy(tree, data, parent, key)
	local proxy = setmetatable({}, meta)
	nodes[proxy] = { proxy = proxy, tree = tree, data = data, generation = tree.generation, parent = parent,
		key = key, children = setmetatable({}, weak) }
	return proxy
end

local function value(node, key, v)
	if type(v) ~= "table" then
		return v
	end
	local child = node.children[key]
	if not child then
		child = new_proxy(node.tree, v, node, key)
		node.children[key] = child
	end
	return child
end

function meta:__index(key)
	local node, data = current(self)
	local v = data[key]
	if type(v) == "table" then
		if math.type(key) == "float" then
			key = math.tointeger(key)
		end
		return value(node, key, v)
	end
	return v
end

function meta:__newindex(key)
	local node = nodes[self]
	local own = path(node)
	error(("Error newindex, the key [%s]"):format(own == "." and own .. tostring(key) or own .. "." .. tostring(key)), 2)
end

function meta:__len()
	local _, data = current(self)
	return #data
end

local function following(self, key)
	local node, data = current(self)
	local k, v = next(data, key)
	if k ~= nil then
		return k, value(node, k, v)
	end
end

function meta:__pairs()
	return following, self, nil
end

-- ---- the functions of the contract ----

-- box(data, name): the root proxy of a shared table that is a version of the name.
function corelib.box(data, name)
	local _, version = core.query(name)
	local tree = { data = data, name = name, version = version, generation = 1, dirty = false }
	return new_proxy(tree, data)
end

-- update(root, data): the proxies show this shared table from now on.
function corelib.update(root, data)
	local tree = nodes[root].tree
	tree.data, tree.generation = data, tree.generation + 1
end

-- Everything below the root that is in use switches now, so that the version before is let go.
function corelib.flush(root)
	pcall(current, root)
	local function walk(node)
		refresh(node)
		for _, child in pairs(node.children) do
			walk(nodes[child])
		end
	end
	walk(nodes[root])
end

-- copy(data, key, ...): plain.
function corelib.copy(data, ...)
	for i = 1, select("#", ...) do
		if type(data) ~= "table" then
			return nil
		end
		data = data[(select(i, ...))]
	end
	if nodes[data] then
		local _, shared = current(data)
		data = shared
	end
	return type(data) == "table" and core.copy(data) or data
end

-- new(name, t): the shared table of a new version; delete(name); getref(name): how many versions the process holds.
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
	nodes[root].tree.dirty = true
end

-- A proxy holds its version by itself: there is nothing to count.
function host.incref(data)
	return data
end

host.decref = host.incref

return corelib
