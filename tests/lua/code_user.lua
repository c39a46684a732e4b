-- SPDX-License-Identifier: MIT
-- Loads modules for tests/lua/test_codeshare.lua.
local skynet = require "skynet"
local folder = ...
package.path = folder .. "/?.lua;" .. package.path

local M, closure
local command = {}

function command.load(name)
	M = require(name)
	closure = M.closure(7)
	return (M.version())
end

function command.version()
	return (M.version())
end

function command.calls()
	return M.calls
end

function command.closure(n)
	return closure(n)
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		skynet.retpack(command[what](...))
	end)
end)
