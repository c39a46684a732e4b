-- The start service of the samples beside this folder: answers whoever calls it, from this node or
-- another.
--   harborctl call .main hello            (or GREETER, from any node of the cluster)
local skynet = require "skynet"
local harbor = require "skynet.harbor"
require "skynet.manager"

local command = {}

function command.hello(name)
	return ("hello %s, this is %s"):format(name or "stranger", skynet.getenv "nodename")
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		local f = command[what] or error("no such command: " .. tostring(what))
		skynet.retpack(f(...))
	end)
	skynet.register ".main"
	-- one node of the cluster gets the global name; the others greet by their local one
	local ok, why = pcall(harbor.register, "GREETER")
	skynet.error(ok and "main is here, as GREETER" or "main is here: " .. tostring(why))
end)
