-- SPDX-License-Identifier: MIT
-- skynet.datacenter.
local skynet = require "skynet"
local datacenter = require "skynet.datacenter"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

-- Waits for a path in a task of its own; the result appears in the table given back.
local function waiter(...)
	local result = {}
	skynet.fork(function(...) result.ok, result.value = pcall(datacenter.wait, ...) end, ...)
	skynet.sleep(1)
	return result
end

local function settled(result)
	tap.until_true("the waiter", function() return result.ok ~= nil end)
	return result.ok, result.value
end

tap.run {
	{ "set gives the previous value, get the present one", function()
		equal(datacenter.set("a", 1), nil)
		equal(datacenter.set("a", 2), 1)
		equal(datacenter.get "a", 2)
		equal(datacenter.get "nothing", nil)
		equal(datacenter.get(), nil)
		equal(datacenter.get("no", "such", "way"), nil)
	end },
	{ "paths make tables on their way, and come out as tables", function()
		datacenter.set("game", "rooms", 7, "lobby")
		equal(datacenter.get("game", "rooms", 7), "lobby")
		equal(datacenter.get "game".rooms[7], "lobby")
		local copy = datacenter.get("game", "rooms")
		copy[8] = "mine"
		equal(datacenter.get("game", "rooms", 8), nil)
	end },
	{ "nil deletes", function()
		datacenter.set("gone", "x", 1)
		equal(datacenter.set("gone", "x", nil), 1)
		equal(datacenter.get("gone", "x"), nil)
		equal(datacenter.set("never", "was", nil), nil)
		equal(datacenter.get "never", nil)
	end },
	{ "there is no way through a value", function()
		datacenter.set("leaf", "text")
		raises("call failed", datacenter.get, "leaf", "deeper")
		raises("call failed", datacenter.set, "leaf", "deeper", 1)
		raises("call failed", datacenter.wait, "leaf", "deeper")
		raises("call failed", datacenter.set, "key only")
		equal(datacenter.get "leaf", "text")
	end },
	{ "wait gives what is there, or waits", function()
		datacenter.set("w", "here", false)
		equal(datacenter.wait("w", "here"), false)
		local a, b = waiter("w", "later"), waiter("w", "later")
		local other = waiter("w", "other")
		equal(a.ok, nil)
		datacenter.set("w", "later", { 1, 2 })
		equal(select(2, settled(a))[2], 2)
		equal(select(2, settled(b))[1], 1)
		equal(other.ok, nil)
		datacenter.set("w", "other", "x")
		equal(select(2, settled(other)), "x")
	end },
	{ "a path cannot be waited for as value and as branch", function()
		local deep = waiter("p", "q", "r")
		raises("call failed", datacenter.wait, "p", "q")
		raises("call failed", datacenter.wait, "p", "q", "r", "s")
		datacenter.set("p", "q", "r", 1)
		equal(settled(deep), true)
		local again = waiter("p2", "q")
		datacenter.set("p2", "q", 5)
		equal(select(2, settled(again)), 5)
	end },
	{ "a deeper value across a waiter fails it", function()
		local w = waiter("x", "y")
		datacenter.set("x", "y", "z", 1)
		equal(settled(w), false)
		equal(datacenter.get("x", "y", "z"), 1)
	end },
	{ "setting a parent does not wake a deeper waiter", function()
		local w = waiter("m", "n")
		datacenter.set("m", { n = 1 })
		skynet.sleep(2)
		equal(w.ok, nil)
		datacenter.set("m", "n", nil)
		datacenter.set("m", "n", 2)
		equal(select(2, settled(w)), 2)
	end },
	{ "many waiters at many places", function()
		local all = {}
		for i = 1, 50 do all[i] = waiter("many", i % 5, i) end
		for i = 1, 50 do datacenter.set("many", i % 5, i, i * 2) end
		for i = 1, 50 do equal(select(2, settled(all[i])), i * 2) end
	end },
	{ "it is the service with the global name DATACENTER", function()
		local handle = require "skynet.harbor".queryname "DATACENTER"
		assert(handle > 0)
		equal(skynet.call(handle, "lua", "QUERY", "a"), 2)
	end },
}
