-- SPDX-License-Identifier: MIT
-- One end of KCP in a node: `.kcp` is asked by the test to listen, to connect, to talk.
local skynet = require "skynet"
local kcp = require "skynet.kcp"
require "skynet.manager"

local C = {}
local listener, session, accepted = nil, nil, 0

-- A listener that gives back what it gets.
function C.listen(idle)
	local port, _
	listener, _, port = kcp.listen("127.0.0.1", 0, function(id)
		accepted = accepted + 1
		local data = kcp.recv(id)
		while data do
			while not kcp.send(id, data) do
				skynet.sleep(1)
			end
			data = kcp.recv(id)
		end
		kcp.close(id)
	end, { idle = idle })
	return port
end

function C.connect(port, idle)
	session = assert(kcp.connect("127.0.0.1", port, { idle = idle, keepalive = idle // 4,
		timeout = 20000 }))
	return session > 0
end

-- Sends n messages made from a seed and takes their echoes, which must be the same in order.
-- Returns how many were.
function C.talk(n, seed)
	math.randomseed(seed)
	local sent = {}
	for i = 1, n do
		local size = math.random(8) == 1 and math.random(0, 20000) or math.random(0, 100)
		sent[i] = i .. string.rep(string.char(i % 256), size)
	end
	skynet.fork(function()
		for i = 1, n do
			while not kcp.send(session, sent[i]) do
				skynet.sleep(1)
			end
		end
	end)
	for i = 1, n do
		if kcp.recv(session) ~= sent[i] then
			return i - 1
		end
	end
	return n
end

function C.recv()
	return kcp.recv(session)
end

function C.stats()
	return kcp.stats(session)
end

function C.listener()
	local s = kcp.stats(listener)
	s.accepted = accepted
	return s
end

function C.close()
	kcp.close(session)
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		skynet.retpack(C[what](...))
	end)
	skynet.register ".kcp"
end)
