-- Names things, and writes into the log.
local skynet = require "skynet"
require "skynet.manager"
local harbor = require "skynet.harbor"
local command = {}

function command.name(what)
	return pcall(harbor.register, what)
end

function command.log(n)
	for i = 1, n do
		skynet.error("line " .. i .. " " .. ("x"):rep(100))
	end
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		skynet.ret(skynet.pack(command[what](...)))
	end)
	skynet.register ".probe"
end)
