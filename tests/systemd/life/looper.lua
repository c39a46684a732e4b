local skynet = require "skynet"

skynet.start(function()
	skynet.timeout(1, function()
		while true do end
	end)
end)
