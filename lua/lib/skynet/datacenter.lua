-- SPDX-License-Identifier: MIT
-- skynet.datacenter: a tree of values that the whole cluster shares, kept by the service
-- datacenterd of the master's node. get(key ...) returns the value there; set(key ..., value) the
-- one that was there before; wait(key ...) the value as soon as there is one. All yield, and raise
-- when the way leads through something that is no table, or when the master's node is not reached.
local skynet = require "skynet"

-- The word by which datacenterd knows each of them.
local words = { get = "QUERY", set = "UPDATE", wait = "WAIT" }

local datacenter = {}
for name, word in pairs(words) do
	datacenter[name] = function(...)
		return skynet.call("DATACENTER", "lua", word, ...)
	end
end
return datacenter
