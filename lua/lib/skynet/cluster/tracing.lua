-- SPDX-License-Identifier: MIT
-- skynet.cluster.tracing: a traced request to another node or cluster. Its tag goes in a frame of
-- its own, and is for the next request that is whole.
local skynet = require "skynet"
local core = require "skynet.cluster.core"

local tracing = {}

-- frame(to, id) -> the frame with the tag of the request that this task works on, which is sent on
-- to `to` as request id; nil: it is not traced. A tag is rewritten once, where it leaves this node.
function tracing.frame(to, id)
	local tag = skynet.tracetag()
	if not tag then
		return nil
	elseif tag:sub(1, 1) ~= "(" then
		local crossing = ("(%s-%s-%d)%s"):format(core.nodename(), to, id, tag)
		skynet.tracelog(tag, "session " .. crossing)
		tag = crossing
	end
	return core.packtrace(tag)
end

return tracing
