-- SPDX-License-Identifier: MIT
-- `.probe` asks for what only the master can give.
local skynet = require "skynet"
require "skynet.manager"
local harbor = require "skynet.harbor"

local command = {}

local function timed(f, ...)
	local began = skynet.now()
	local ok, why = pcall(f, ...)
	return ok, tostring(why), skynet.now() - began
end

function command.register(name) return timed(harbor.register, name) end
function command.release(name) return timed(harbor.release, name) end
function command.query(name, ti) return timed(harbor.queryname, name, ti) end
function command.unique(name) return timed(skynet.uniqueservice, true, name) end
function command.send(name) return timed(skynet.call, name, "lua", "x") end
function command.say(name, n)
	for _ = 1, n do skynet.send(name, "lua", "x") end
end
-- a call that waits for its name is ended by that name, and by no other
function command.ended(name)
	skynet.timeout(1, function()
		skynet.term(name .. "-not")
		skynet.timeout(5, function() skynet.term(name) end)
	end)
	return timed(skynet.call, name, "lua", "x")
end
function command.datacenter() return timed(require "skynet.datacenter".get, "x") end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...) skynet.retpack(command[what](...)) end)
	skynet.register ".probe"
end)
