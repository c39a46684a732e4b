-- SPDX-License-Identifier: MIT
-- skynet.cluster.missed: sends to another node that do not arrive, or may not have, are counted for
-- the node's status and metrics, and told; of many in a second one line tells.
local skynet = require "skynet"
local core = require "skynet.cluster.core"

local QUIET <const> = 100 -- cs between two lines

local missed = {}
missed.__index = missed

-- missed.new(node): of the sends of this service to that node.
function missed.new(node)
	return setmetatable({ node = node, dropped = 0, lost = 0, told = 0, quiet = false }, missed)
end

local function tell(self, why)
	local n = self.dropped + self.lost
	self.told = n
	skynet.log("warning", ("cluster send to [%s] failed: %s%s"):format(self.node, why,
		n > 1 and ("; %d dropped and %d that may not have arrived, so far")
			:format(self.dropped, self.lost) or ""))
end

local function rest(self, why)
	self.quiet = true
	skynet.timeout(QUIET, function()
		self.quiet = false
		if self.dropped + self.lost > self.told then
			tell(self, why)
			rest(self, why)
		end
	end)
end

-- dropped were not sent; lost were, and what became of them is not known.
function missed:count(dropped, lost, why)
	core.count(self.node, dropped, lost)
	self.dropped, self.lost = self.dropped + dropped, self.lost + lost
	if not self.quiet then
		tell(self, why)
		rest(self, why)
	end
end

return missed
