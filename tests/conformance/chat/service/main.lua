-- SPDX-License-Identifier: MIT
local skynet = require "skynet"
local socket = require "skynet.socket"

skynet.start(function()
	local lobby = skynet.uniqueservice "lobby"
	local id, ip, port = socket.listen("127.0.0.1", tonumber(skynet.getenv "chat_port"))
	socket.start(id, function(fd, from)
		local agent = skynet.newservice "agent"
		skynet.send(agent, "lua", "serve", fd, from, lobby)
	end)
	skynet.error(("chat listens on %s:%d"):format(ip, port))
end)
