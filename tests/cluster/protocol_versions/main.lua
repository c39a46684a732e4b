local skynet = require "skynet"
require "skynet.manager"

skynet.start(function()
	skynet.dispatch("lua", function(_, _, who, ...)
		if who == "hear" then
			return skynet.retpack("heard")
		end
		local ok, answer = pcall(skynet.call, who, "lua", "hear")
		skynet.retpack(ok and answer or "failed: " .. answer)
	end)
	skynet.register("N" .. skynet.harbor(skynet.self()))
end)
