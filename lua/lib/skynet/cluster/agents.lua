-- SPDX-License-Identifier: MIT
-- skynet.cluster.agents: the connections that others have made to this node. For each there is a
-- clusteragent, and the service that uses this module is its `clusterd`.
local skynet = require "skynet"

local agents = {}

local all = {} -- fd -> { gate =, handle = once it runs, closed = }

-- listen(address, port[, maxclient]) -> ip, port. Raises why it cannot.
function agents.listen(address, port, maxclient)
	local gate = skynet.newservice "gate"
	local ok, ip, real = pcall(skynet.call, gate, "lua", "open",
		{ address = address, port = port, maxclient = maxclient, nodelay = true })
	if not ok then
		skynet.send(gate, "debug", "EXIT")
		error(ip, 0)
	end
	return ip, real
end

-- The handles of those that run.
function agents.handles()
	local handles = {}
	for _, agent in pairs(all) do
		handles[#handles + 1] = agent.handle
	end
	return handles
end

-- Sends each of them a command.
function agents.tell(what)
	for _, handle in ipairs(agents.handles()) do
		skynet.send(handle, "lua", what)
	end
end

local on_socket = {}

function on_socket.open(gate, fd, from)
	skynet.error("socket accept from " .. from)
	local agent = { gate = gate }
	all[fd] = agent
	local ok, handle = pcall(skynet.newservice, "clusteragent", skynet.self(), gate, fd)
	if not ok then
		all[fd] = nil
		skynet.send(gate, "lua", "kick", fd)
	elseif agent.closed then
		skynet.send(handle, "lua", "exit")
	else
		agent.handle = handle
	end
end

local function on_end(gate, fd)
	local agent = all[fd]
	if not agent or agent.gate ~= gate then
		skynet.send(gate, "lua", "kick", fd)
		return
	end
	all[fd] = nil
	agent.closed = true
	if agent.handle then
		skynet.send(agent.handle, "lua", "exit")
	end
end

on_socket.close = on_end
on_socket["error"] = on_end

function on_socket.warning(_, fd, kib)
	skynet.error(("socket warning (fd = %d): %d K bytes need to send out"):format(fd, kib))
end

-- What a gate tells its watchdog: the command "socket" of the service.
function agents.on_event(gate, event, ...)
	local f = on_socket[event]
	if f then
		f(gate, ...)
	end
end

return agents
