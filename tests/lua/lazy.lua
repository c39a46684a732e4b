-- SPDX-License-Identifier: MIT
-- Evaluates the text that it is started with, in a state in which nothing else was used, and
-- answers with the value.
local result = load((...))()
local skynet = require "skynet"

skynet.start(function()
	skynet.dispatch("lua", function() skynet.retpack(result) end)
end)
