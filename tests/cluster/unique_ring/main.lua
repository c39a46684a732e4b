-- SPDX-License-Identifier: MIT
-- `.probe`: asks for unique services in tasks of its own; "global" in front: for one of the whole
-- cluster.
local skynet = require "skynet"
require "skynet.manager"

local got = {}
local command = {}

function command.want(name, ...)
	skynet.fork(function(first, ...)
		got[name] = table.pack(pcall(skynet.uniqueservice, first == "global" or first, ...))
	end, ...)
	return true
end

function command.got(name) return got[name] ~= nil, got[name] and got[name][1] end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, name, ...) skynet.retpack(command[name](...)) end)
	skynet.register ".probe"
end)
