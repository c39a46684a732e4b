local skynet = require "skynet"
require "skynet.manager"
skynet.start(function()
	skynet.register ".counter"
	skynet.register "COUNTER"
end)
