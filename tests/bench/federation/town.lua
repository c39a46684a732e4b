-- SPDX-License-Identifier: MIT
-- A node of tests/bench/federation.py: answers, and loads others when it is told.
local skynet = require "skynet"
local cluster = require "skynet.cluster"
local harbor = require "skynet.harbor"
require "skynet.manager"

local command = {}

function command.echo(...)
	return ...
end

function command.publish(name)
	cluster.register(name)
	harbor.register(name)
end

-- Clusters are called c0, c1, c2 ... Once a call to a service of each of the n is answered: how
-- many did.
function command.reach(n)
	local good = 0
	for i = 0, n - 1 do
		good = good + (cluster.call("c" .. i, "@s1", "echo", 1) == 1 and 1 or 0)
	end
	return good
end

-- "SERVICE" of this cluster, "CLUSTER@SERVICE", or "others:OWN CLUSTER:HOW MANY:SERVICES", the last
-- ones of all clusters but its own -> list of { cluster or nil, address }
local function expand(word)
	local own, n, services = word:match "^others:(.-):(%d+):(.*)$"
	local list = {}
	for i = 0, own and n - 1 or -1 do
		for service in (own ~= "c" .. i and services or ""):gmatch "[^,]+" do
			list[#list + 1] = { "c" .. i, "@" .. service }
		end
	end
	if not own then
		local where, name = word:match "^(.-)(@.*)$"
		list[1] = { where, name or word }
	end
	return list
end

-- `tasks` at once call for that many seconds, each the targets in turn: calls, errors, the last
-- reason.
function command.load(tasks, seconds, size, word)
	local targets = expand(word)
	local till = skynet.hpc() + seconds * 1000000000
	local payload = ("x"):rep(size)
	local left, calls, errors, why = tasks, 0, 0, nil
	local me = {}
	for i = 1, tasks do
		skynet.fork(function()
			local at = i * 7
			while skynet.hpc() < till do
				at = at % #targets + 1
				local where, name = targets[at][1], targets[at][2]
				local ok, text
				if where then
					ok, text = pcall(cluster.call, where, name, "echo", payload)
				else
					ok, text = pcall(skynet.call, name, "lua", "echo", payload)
				end
				calls = calls + 1
				if not ok then
					errors, why = errors + 1, text
					skynet.sleep(1)
				end
			end
			left = left - 1
			if left == 0 then
				skynet.wakeup(me)
			end
		end)
	end
	skynet.wait(me)
	return calls, errors, why
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, name, ...)
		skynet.retpack(command[name](...))
	end)
	skynet.register ".town"
end)
