local skynet = require "skynet"
require "skynet.manager"

skynet.start(function()
	skynet.dispatch("lua", function(_, _, word)
		skynet.ret(skynet.pack("main hears " .. tostring(word)))
	end)
	skynet.register(".main")
end)
