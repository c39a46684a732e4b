-- SPDX-License-Identifier: MIT
-- A service that is born in the way its first argument says.
local skynet = require "skynet"

local how = ...

local births = {
	bad = function() error "bad main chunk" end,
	badstart = function() skynet.start(function() error "bad start" end) end,
	badtable = function() skynet.start(function() error { 1 } end) end,
	badlater = function() skynet.start(function() skynet.sleep(1) error "bad later" end) end,
	badinit = function()
		skynet.init(function() error "bad init" end)
		skynet.start(function() end)
	end,
	nostart = function() end,
	exits = function() skynet.start(function() skynet.exit() end) end,
	slow = function() skynet.start(function() skynet.sleep(3) end) end,
	hangs = function() skynet.start(function() skynet.wait() end) end,
	inits = function()
		local seen = {}
		skynet.init(function() seen[#seen + 1] = "a" end)
		skynet.init(function() skynet.sleep(1) seen[#seen + 1] = "b" end)
		skynet.start(function()
			seen[#seen + 1] = "start"
			skynet.dispatch("lua",
				function() skynet.retpack(table.concat(seen, ",")) end)
		end)
	end,
	early = function(parent)
		skynet.send(tonumber(parent), "lua", "main chunk", skynet.self())
		skynet.start(function() skynet.dispatch("lua",
			function() skynet.retpack "served" end) end)
	end,
}
births[how](select(2, ...))
