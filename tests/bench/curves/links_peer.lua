-- SPDX-License-Identifier: MIT
-- The others of links and of remote latency: answers, under the global name that is its argument.
local skynet = require "skynet"
require "skynet.manager"
local name = ...
skynet.start(function()
	skynet.dispatch("lua", function(_, _, ...) skynet.ret(skynet.pack(...)) end)
	skynet.register(name)
end)
