-- SPDX-License-Identifier: MIT
-- DATACENTER: the tree behind skynet.datacenter. Each candidate for the master has one; one of them
-- has the name, and when that is lost with its node another takes it, with an empty tree. From a
-- node that drains it moves with its tree; who waits for a value is asked for again there.
local skynet = require "skynet"
local harbor = require "skynet.harbor"
local handover = require "skynet.handover"
local core = require "skynet.handover.core"
local commands = require "skynet.commands"

local LOOK <const> = 50 -- centiseconds between two tries to take the name

local data = skynet.handover_state() or {}
-- The same tree of what is waited for: an inner node is { nodes = { key -> node } }, a leaf {
-- responses ... }.
local waiting = { nodes = {} }

local command = {}

local function path_text(path, n)
	local words = {}
	for i = 1, n do
		words[i] = tostring(path[i])
	end
	return table.concat(words, ".")
end

-- The value at path[1 .. n]; raises when the way leads through something that is no table.
local function value_at(path, n)
	local value = data
	for i = 1, n do
		if value == nil then
			return nil
		end
		if type(value) ~= "table" then
			error(path_text(path, i - 1) .. " is not a table")
		end
		value = value[path[i]]
	end
	return value
end

function command.QUERY(...)
	local n = select("#", ...)
	if n == 0 then
		return nil
	end
	return value_at({ ... }, n)
end

-- Takes the leaf that the path meets out of the waiting tree, with the branch that only it needed.
-- Returns it, and whether the path ends there.
local function take_waiting(path, n)
	local node, cut, key = waiting, waiting, path[1]
	for i = 1, n do
		if next(node.nodes, next(node.nodes)) ~= nil then
			cut, key = node, path[i] -- others need this node
		end
		node = node.nodes[path[i]]
		if not node then
			return nil
		end
		if not node.nodes then
			cut.nodes[key] = nil
			return node, i == n
		end
	end
	return nil
end

function command.UPDATE(...)
	local n = select("#", ...) - 1
	assert(n >= 1, "set needs a key and a value")
	local path, value = { ... }, (select(n + 1, ...))
	local at = data
	for i = 1, n do
		assert(path[i] ~= nil, "a key is nil")
	end
	for i = 1, n - 1 do
		local deeper = at[path[i]]
		if deeper == nil then
			if value == nil then
				return nil -- nothing there to delete
			end
			deeper = {}
			at[path[i]] = deeper
		elseif type(deeper) ~= "table" then
			error(path_text(path, i) .. " is not a table")
		end
		at = deeper
	end
	local old = at[path[n]]
	at[path[n]] = value
	if old == nil and value ~= nil then
		local leaf, exact = take_waiting(path, n)
		for _, answer in ipairs(leaf or {}) do
			if exact then
				answer(true, value)
			else
				answer(false) -- it waits for a value where there is a branch now
			end
		end
	end
	return old
end

-- Answers at once, or keeps the response.
local function wait(...)
	local n = select("#", ...)
	local path = { ... }
	assert(n >= 1, "wait needs a key")
	local value = value_at(path, n)
	if value ~= nil then
		return skynet.retpack(value)
	end
	local node = waiting
	for i = 1, n do
		if not node.nodes then
			error(path_text(path, i - 1) .. " is waited for as a value")
		end
		local deeper = node.nodes[path[i]]
		if not deeper then
			deeper = i < n and { nodes = {} } or {}
			node.nodes[path[i]] = deeper
		end
		node = deeper
	end
	if node.nodes then
		error(path_text(path, n) .. " is waited for as a branch")
	end
	node[#node + 1] = skynet.response()
end

-- The requests of those who wait, put into the mailbox again: they follow the service.
local function ask_again(node, path, n)
	for key, deeper in pairs(node.nodes or {}) do
		path[n + 1] = key
		ask_again(deeper, path, n + 1)
	end
	for _, answer in ipairs(node) do
		local source, session = core.handon(answer)
		if source then
			skynet.redirect(skynet.self(), source, "lua", session,
				skynet.pack("WAIT", table.unpack(path, 1, n)))
		end
	end
end

-- Whoever has the name can move.
local function may_move()
	handover.leaving(function()
		ask_again(waiting, {}, 0)
		waiting = { nodes = {} }
	end)
	skynet.on_handover(function() return data end)
end

local function take_name()
	while not pcall(harbor.register, "DATACENTER") do
		local owner = harbor.find "DATACENTER"
		if owner then
			harbor.link(skynet.harbor(owner)) -- until its node is away
		end
		skynet.sleep(LOOK)
	end
	may_move()
end

skynet.start(function()
	commands.serve { returns = command, answers = { WAIT = wait } }
	harbor.watch(function()
		data = {} -- another has a tree of its own now
		take_name()
	end)
	if skynet.handover_state() then
		may_move() -- its name is to follow
	end
	skynet.fork(take_name)
end)
