-- SPDX-License-Identifier: MIT
local skynet = require "skynet"
require "skynet.manager"
local cluster = require "skynet.cluster"

skynet.start(function()
	local last
	skynet.dispatch("lua", function(session, _, what, ...)
		if what == "put" then
			last = ...
		elseif what == "last" then
			skynet.ret(skynet.pack(last))
		elseif what == "size" then
			skynet.ret(skynet.pack(#(...)))
		elseif what == "stop" then
			skynet.timeout(20, skynet.abort)
			skynet.ret()
		else
			skynet.ret(skynet.pack(what, ...))
		end
	end)
	cluster.register "store"
	skynet.register ".store"
	cluster.open "back"
	skynet.error "back is open"
end)
