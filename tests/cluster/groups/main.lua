-- SPDX-License-Identifier: MIT
-- Members that the test makes, and what this node knows of their group.
local skynet = require "skynet"
require "skynet.manager"
local group = require "skynet.group"

local what = ...
if what == "member" then
	local heard = 0
	skynet.start(function()
		skynet.dispatch("lua", function(session, _, word)
			if session ~= 0 then
				skynet.retpack(heard)
			elseif word == "all" then
				heard = heard + 1
			end
		end)
	end)
	return
end

local command, made, events = {}, {}, {}

-- n more members.
function command.join(name, n)
	for _ = 1, n do
		local handle = skynet.newservice(SERVICE_NAME, "member")
		made[#made + 1] = handle
		group.join(name, handle)
	end
	return made
end

function command.leave(name, handle)
	return group.leave(name, math.tointeger(handle))
end

function command.kill(handle)
	skynet.kill(math.tointeger(handle))
	return true
end

function command.group(f, ...)
	return group[f](...)
end

-- How many of the members here have heard how many messages to all.
function command.heard()
	local sum = 0
	for _, handle in ipairs(made) do
		local ok, n = pcall(skynet.call, handle, "lua")
		sum = sum + (ok and n or 0)
	end
	return sum
end

function command.watch(name)
	group.watch(name, function(event, handle)
		events[#events + 1] = event .. " " .. handle
	end)
	return true
end

function command.events() return events end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, f, ...)
		skynet.retpack(command[f](...))
	end)
	skynet.register ".probe"
end)
