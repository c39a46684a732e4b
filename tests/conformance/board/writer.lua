-- SPDX-License-Identifier: MIT
local skynet = require "skynet"
require "skynet.manager"
local datacenter = require "skynet.datacenter"

skynet.start(function()
	datacenter.set("board", "rules", { "be kind", "be brief" })
	datacenter.set("board", "posts", 1, "first")
	skynet.dispatch("lua", function(_, source, what, ...)
		if what == "post" then
			skynet.ret(skynet.pack(datacenter.set("board", "posts", ...)))
		elseif what == "where" then
			skynet.ret(skynet.pack(skynet.harbor(source)))
		elseif what == "stop" then
			skynet.ret()
			skynet.timeout(10, skynet.abort)
		end
	end)
	skynet.name("WRITER", skynet.self())
	skynet.error("second is " .. datacenter.wait("board", "hello"))
end)
