-- SPDX-License-Identifier: MIT
-- `.probe`: asks for unique services; the tests drive it by harborctl.
local skynet = require "skynet"
require "skynet.manager"
local group = require "skynet.group"

local command, later = {}, {}

function command.unique(...)
	local args = table.pack(...)
	if args[1] == "true" then args[1] = true end
	local ok, handle = pcall(skynet.uniqueservice, table.unpack(args, 1, args.n))
	return ok and handle or tostring(handle)
end

function command.unique_long(name, n)
	return skynet.uniqueservice(true, name, ("x"):rep(math.tointeger(n)))
end

function command.query(...)
	local args = table.pack(...)
	if args[1] == "true" then args[1] = true end
	local ok, handle = pcall(skynet.queryservice, table.unpack(args, 1, args.n))
	return ok and handle or tostring(handle)
end

-- The same in the background; command.got tells the answer, or 0.
function command.query_later(name)
	skynet.fork(function() later[name] = skynet.queryservice(true, name) end)
	return true
end

function command.join(name)
	group.join(name)
	return skynet.self()
end

function command.members(name) return group.members(name) end

function command.tree(f, ...) return require "skynet.datacenter"[f](...) end

function command.manager() return skynet.localname ".service" end

function command.kill(handle)
	skynet.kill(math.tointeger(handle))
	return true
end

function command.got(name) return later[name] or 0 end

function command.list() return skynet.call(".service", "lua", "LIST") end

-- One line of it, "" if there is none.
function command.listed(key) return command.list()[key] or "" end

function command.ask(handle, ...)
	local ok, answer = pcall(skynet.call, math.tointeger(tonumber(handle)), "lua", ...)
	return ok, answer
end

-- Asks in a task with a tag; gives the tag.
function command.traced(handle)
	skynet.trace()
	skynet.call(math.tointeger(tonumber(handle)), "lua", "traced")
	return skynet.tracetag()
end

skynet.start(function()
	skynet.dispatch("lua", function(session, _, what, ...)
		if session ~= 0 then
			skynet.retpack(command[what](...))
		end
	end)
	skynet.register ".probe"
end)
