-- KCP from both ends: a listener that others and itself connect to, and a client of another one.
local skynet = require "skynet"
local kcp = require "skynet.kcp"
require "skynet.manager"

local command, sessions = {}, {}
local listener, port

local function serve(id, _, token)
	local n = 0
	for text in function() return kcp.recv(id) or nil end do
		n = n + #text
		kcp.send(id, token .. text)
	end
	skynet.send(".main", "lua", "hear", n, kcp.stats(id))
	kcp.close(id)
end

-- What is said comes back from all sessions. How long that takes, and all that is known of the
-- sessions, is told to another.
function command.talk(text)
	local began, back = skynet.hpc(), {}
	for i, id in ipairs(sessions) do
		assert(kcp.send(id, text .. i))
	end
	for i, id in ipairs(sessions) do
		back[i] = assert(kcp.recv(id, 1000))
	end
	skynet.send(".main", "lua", "hear", skynet.hpc() - began, back, kcp.stats(sessions[1]),
		kcp.options(sessions[1]), kcp.stats(listener))
	return table.concat(back, " ")
end

function command.wrong()
	local ok, why = pcall(kcp.connect, "127.0.0.1", port, { idle = 1 })
	return ok, why
end

function command.exit()
	for _, id in ipairs(sessions) do
		kcp.close(id)
	end
	kcp.close(listener)
	skynet.fork(skynet.exit)
end

skynet.start(function()
	local _
	listener, _, port = kcp.listen("127.0.0.1", 0, serve)
	sessions[1] = assert(kcp.connect("127.0.0.1", skynet.call(".main", "lua", "kcp_port")))
	sessions[2] = assert(kcp.connect("127.0.0.1", port, { token = "to me: " }))
	skynet.dispatch("lua", function(_, _, cmd, ...)
		skynet.retpack(command[cmd](...))
	end)
	skynet.register ".courier"
end)
