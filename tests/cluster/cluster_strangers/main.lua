-- SPDX-License-Identifier: MIT
-- `.probe`: opens skynet.cluster, and calls peers that the test plays.
local skynet = require "skynet"
require "skynet.manager"
local cluster = require "skynet.cluster"

local command = {}

-- what: "key", or "" for none. Gives the port.
function command.open(what)
	cluster.reload { __nowaiting = true, __key = what == "key" and "secret" or false }
	local _, port = cluster.open(0)
	return port
end

function command.echo(...) return ... end

local results = {}

-- Calls the peer at that port; `result` tells whether that has come to its end, and then what pcall
-- gave.
function command.call(port)
	skynet.fork(function()
		cluster.reload { ["peer" .. port] = "127.0.0.1:" .. port }
		results[port] = table.pack(pcall(cluster.call, "peer" .. port, ".probe", "echo"))
	end)
end

function command.result(port)
	if results[port] then
		return true, table.unpack(results[port])
	end
	return false
end

-- Services that serve a connection.
function command.agents()
	local n = 0
	for _, what in pairs(skynet.call(".launcher", "lua", "LIST")) do
		if what:find("clusteragent", 1, true) then n = n + 1 end
	end
	return n
end

skynet.start(function()
	skynet.dispatch("lua", function(session, _, name, ...)
		local f = assert(command[name], "no such command")
		if session == 0 then
			f(...)
		else
			skynet.retpack(f(...))
		end
	end)
	skynet.register ".probe"
end)
