-- SPDX-License-Identifier: MIT
-- Reads shared tables for tests/lua/test_sharetable.lua and test_sharedata.lua.
local skynet = require "skynet"
local sharetable = require "skynet.sharetable"

local held = {}
local command = {}

function command.hold(name)
	held[name] = sharetable.query(name)
	return held[name] ~= nil
end

function command.drop(name)
	held[name] = nil
end

-- Makes garbage, as requests do.
function command.work()
	local list = {}
	for i = 1, 5000 do list[i] = { i } end
end

function command.update(name)
	sharetable.update(name)
end

function command.get(name, ...)
	local t = held[name]
	for _, key in ipairs { ... } do
		t = t[key]
	end
	return t
end

-- Bytes of this service that holding the table costs.
function command.cost(name, entry)
	sharetable.query "warm"
	collectgarbage "collect"
	collectgarbage "collect"
	local before = collectgarbage "count"
	held[name] = sharetable.query(name)
	local found = held[name][entry].name
	collectgarbage "collect"
	collectgarbage "collect"
	return (collectgarbage "count" - before) * 1024, found
end

-- All versions that are current are consistent: every entry of t carries the same stamp.
function command.consistent(name)
	local t = sharetable.query(name)
	for _, entry in ipairs(t) do
		if entry.stamp ~= t.stamp then
			return false
		end
	end
	held[#held + 1] = t
	if #held > 5 then
		held = {}
	end
	return true
end

function command.exit()
	skynet.exit()
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		skynet.retpack(command[what](...))
	end)
end)
