-- SPDX-License-Identifier: MIT
-- Starts on the node of this harbor id only.
local skynet = require "skynet"
local id = ...

skynet.start(function()
	assert(skynet.harbor(skynet.self()) == tonumber(id), "only on node " .. id)
end)
