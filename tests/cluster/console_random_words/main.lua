-- SPDX-License-Identifier: MIT
-- `.probe`: starts a debug console; it and `.victim` take whatever the test sends through that.
local skynet = require "skynet"
require "skynet.manager"

local command = {}

function command.victim() return skynet.address(skynet.localname ".victim") end

-- Tasks of the console: one reads for each connection.
function command.tasks(console) return skynet.call(tonumber(console:sub(2), 16), "debug",
	"STAT").task end

if ... == "victim" then
	skynet.start(function()
		skynet.dispatch("lua", function(_, _, ...) skynet.retpack(...) end)
		skynet.info_func(function(...) return ... end)
		skynet.register ".victim"
	end)
	return
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, name, ...) skynet.retpack(command[name](...)) end)
	skynet.newservice("main", "victim")
	skynet.newservice("debug_console", "127.0.0.1", 0)
	skynet.register ".probe"
end)
