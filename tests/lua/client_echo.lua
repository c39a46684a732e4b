-- SPDX-License-Identifier: MIT
-- Answers "port", and sends back what comes; "quit" in it ends the connection.
local skynet = require "skynet"
local socket = require "skynet.socket"

skynet.start(function()
	local listener, _, port = socket.listen("127.0.0.1", 0)
	socket.start(listener, function(id)
		socket.start(id)
		repeat
			local text = socket.read(id)
			if text then
				socket.write(id, text)
			end
		until not text or text:find("quit", 1, true)
		socket.close(id)
	end)
	skynet.dispatch("lua", function() skynet.retpack(port) end)
end)
