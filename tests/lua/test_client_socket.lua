-- SPDX-License-Identifier: MIT
-- client.socket, row by row, in a service and in a plain Lua.
local skynet = require "skynet"
require "skynet.manager"
local socket = require "client.socket"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local port, fd

local function receive()
	return tap.until_true("bytes", function() return socket.recv(fd) end)
end

local function modules()
	local file = assert(io.open "/proc/self/cmdline"):read "a":match "^[^\0]*"
	return file:match "^(.*)/[^/]*$" .. "/modules/?.so"
end

-- A library with a sanitizer in it needs an interpreter with one.
local function is_refused(text)
	return text:find "ASan runtime" or text:find "ThreadSanitizer" or text:find "static TLS"
end

tap.run {
	{ "connect takes an IPv4 address as numbers and raises when nobody is there", function()
		port = skynet.call(skynet.newservice "client_echo", "lua")
		fd = socket.connect("127.0.0.1", port)
		equal(math.type(fd), "integer")
		raises("Connect localhost " .. port .. " failed", socket.connect, "localhost", port)
		raises("Connect 127.0.0.1 1 failed", socket.connect, "127.0.0.1", 1)
		raises("a port is 1 to 65535", socket.connect, "127.0.0.1", 65536)
	end },
	{ "recv returns nothing, bytes, and an empty text at the end", function()
		equal(select("#", socket.recv(fd)), 0)
		equal(select("#", socket.send(fd, "a\0b")), 0)
		equal(receive(), "a\0b")
		socket.send(fd, "quit")
		equal(receive(), "quit")
		equal(receive(), "")
		socket.close(fd)
		raises("socket error: ", socket.recv, fd)
		raises("socket error: ", socket.send, fd, "x")
	end },
	{ "shutdown ends one direction or both", function()
		fd = socket.connect("127.0.0.1", port)
		raises("Invalid mode x", socket.shutdown, fd, "rx")
		raises("mode should be r or/and w", socket.shutdown, fd, "")
		socket.send(fd, "left")
		socket.shutdown(fd, "w")
		equal(receive(), "left")
		equal(receive(), "")
		raises("socket error: ", socket.send, fd, "x")   -- and no SIGPIPE
		socket.shutdown(fd, "rw")
		socket.close(fd)
	end },
	{ "shutdown of one direction leaves the other", function()
		-- nobody reads there, so nobody answers the end of what is written
		local id, _, silent = require "skynet.socket".listen("127.0.0.1", 0)
		for mode, got in pairs { w = 0, r = 1, rw = 1 } do
			local one = socket.connect("127.0.0.1", silent)
			socket.shutdown(one, mode)
			equal(select("#", socket.recv(one)), got)
			equal(pcall(socket.send, one, "x"), mode == "r")
			socket.close(one)
		end
		require "skynet.socketdriver".close(id)
	end },
	{ "a plain Lua loads it, sends more than buffers hold, and reads lines until stdin "
		.. "ends", function()
		local run = io.popen(("{ echo one; echo; printf '%%03000d\\n' 7; printf last; } | "
			.. "lua5.4 -e 'package.cpath = %q' %sclient_plain.lua %d 2>&1")
			:format(modules(), SERVICE_PATH, port))
		local text = run:read "a"
		run:close()
		assert(text == "one,,1023,1023,954,last\n" or is_refused(text), text)
	end },
	{ "one thread reads lines, however often it is asked for one", function()
		local name = os.tmpname()
		local run = io.popen(([[lua5.4 -e 'package.cpath = %q
			local socket = require "client.socket"
			for _ = 1, 20 do assert(not socket.readstdin()) end
			print(io.open "/proc/self/status":read "a":match "Threads:%%s*(%%d+)")
			' >%s 2>&1]]):format(modules(), name), "w")
		local text = tap.until_true("a number", function()
			local f <close> = assert(io.open(name))
			local t = f:read "a"
			return t:find "\n" and t
		end)
		run:close()
		os.remove(name)
		assert(text == "2\n" or is_refused(text), text)
	end },
}
