-- SPDX-License-Identifier: MIT
-- Reads shared data for tests/lua/test_sharedata.lua.
local skynet = require "skynet"
local sharedata = require "skynet.sharedata"

local held = {}
local command = {}

function command.read(name, key)
	held[name] = held[name] or sharedata.query(name)
	return held[name][key]
end

function command.query(name)
	local ok, t = pcall(sharedata.query, name)
	held[name] = ok and t or nil
	return ok
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		skynet.retpack(command[what](...))
	end)
end)
