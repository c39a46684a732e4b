-- SPDX-License-Identifier: MIT
-- skynet.datacenter: a tree of values that the whole cluster shares (lua-core.md 5.4). It lives in the
-- service datacenterd of the master's node, under the global name DATACENTER. Every function yields.
local skynet = require "skynet"

local datacenter = {}

function datacenter.get(...)
	return skynet.call("DATACENTER", "lua", "QUERY", ...)
end

function datacenter.set(...)
	return skynet.call("DATACENTER", "lua", "UPDATE", ...)
end

function datacenter.wait(...)
	return skynet.call("DATACENTER", "lua", "WAIT", ...)
end

return datacenter
