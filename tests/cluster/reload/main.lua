local skynet = require "skynet"
require "skynet.manager"

skynet.start(function()
	skynet.dispatch("lua", function(_, _, command)
		if command == "spawn" then
			skynet.ret(skynet.pack(skynet.address(skynet.newservice("idle"))))
		else
			skynet.ret(skynet.pack(command))
		end
	end)
	skynet.register(".main")
end)
