-- SPDX-License-Identifier: MIT
-- Another service for tests/lua/test_sproto_loader.lua and test_sharemap.lua.
local skynet = require "skynet"
local loader = require "sprotoloader"
local sharemap = require "skynet.sharemap"

local objects, reader = {}, nil
local command = {}

function command.load(slot)
	objects[slot] = loader.load(slot)
end

function command.encode(slot, typename, t)
	return objects[slot]:encode(typename, t)
end

-- Encodes and decodes n times with what was loaded: whether all came back.
function command.work(slot, typename, n)
	local sp = objects[slot]
	for i = 1, n do
		local t = sp:decode(typename,
			sp:encode(typename, { n = i, text = ("x"):rep(i % 50) }))
		if t.n ~= i or #t.text ~= i % 50 then
			return false
		end
		if i % 200 == 0 then
			skynet.yield()
		end
	end
	return true
end

-- Loads again and again while others save: whether each schema was whole.
function command.reload(slot, typename, n)
	for i = 1, n do
		local sp = loader.load(slot)
		if sp:decode(typename, sp:encode(typename, { n = i })).n ~= i then
			return false
		end
		if i % 20 == 0 then
			skynet.yield()
		end
	end
	return true
end

function command.open(typename, pointer)
	reader = sharemap.reader(typename, pointer)
end

function command.update()
	return reader:update()
end

function command.get(key)
	return reader[key]
end

function command.all()
	local t = {}
	for k, v in pairs(reader) do
		t[k] = v
	end
	return t
end

function command.set(key, value)
	return pcall(function() reader[key] = value end)
end

-- Follows a writer until its n is `last`: whether each version was whole, and none older than the
-- one before.
function command.follow(last)
	local seen = -1
	while seen < last do
		if reader:update() then
			if reader.n <= seen or reader.text ~= ("x"):rep(reader.n % 50) then
				return false
			end
			seen = reader.n
		else
			skynet.yield()
		end
	end
	return true
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		skynet.retpack(command[what](...))
	end)
end)
