-- SPDX-License-Identifier: MIT
local skynet = require "skynet"
local queue = require "skynet.queue"
local lock = queue()
local members, command = {}, {}

local function tell(text, except)
	for name, agent in pairs(members) do
		if name ~= except then
			skynet.send(agent, "lua", "say", text)
		end
	end
end

function command.join(name, agent)
	return lock(function()
		if members[name] then return false, "the name is taken" end
		skynet.sleep(1) -- others try the same name meanwhile
		members[name] = agent
		tell("* " .. name .. " is here", name)
		return true
	end)
end

function command.leave(name)
	members[name] = nil
	tell("* " .. name .. " has left")
end

function command.shout(name, text)
	tell(("<%s> %s"):format(name, text))
end

function command.whisper(name, to, text)
	local agent = members[to]
	if not agent then return false end
	skynet.send(agent, "lua", "say", ("(%s) %s"):format(name, text))
	return true
end

function command.names()
	local list = {}
	for name in pairs(members) do list[#list + 1] = name end
	table.sort(list)
	return list
end

skynet.start(function()
	skynet.dispatch("lua", function(session, _, what, ...)
		if session == 0 then
			command[what](...)
		else
			skynet.ret(skynet.pack(command[what](...)))
		end
	end)
end)
