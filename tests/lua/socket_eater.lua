-- SPDX-License-Identifier: MIT
-- A service whose memory is full to the last byte when an event of its socket comes, and free a
-- while later.
local skynet = require "skynet"
local socket = require "skynet.socket"

skynet.memlimit(4 << 20)

local hoard

local function add(size)
	hoard = { hoard, string.rep("x", size) }
end

-- No coroutine is left that has served before and might serve again.
local function use_up_coroutines()
	for _ = 1, 300 do
		skynet.fork(skynet.wait)
	end
	skynet.yield()
end

-- No byte is left.
local function fill()
	for shift = 16, 0, -1 do
		while pcall(add, 1 << shift) do end
	end
end

local request = {}

-- The CONNECT of a socket finds no memory.
function request.open(port)
	use_up_coroutines()
	skynet.fork(function()
		fill()
		skynet.sleep(20)
		hoard = nil
	end)
	local fd, why = socket.open("127.0.0.1", port)
	return fd and "open" or why
end

-- The CLOSE: the peer closes when it has got a byte.
function request.read(port)
	local fd = assert(socket.open("127.0.0.1", port))
	use_up_coroutines()
	skynet.fork(function()
		fill()
		socket.write(fd, "x")
		skynet.sleep(20)
		hoard = nil
	end)
	local line = socket.readline(fd)
	return line or "end"
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, port)
		skynet.retpack(request[what](port))
	end)
end)
