-- TCP connections, both ends in this node, 20,000 or as many as there are descriptors for: how long
-- it takes to open and accept them, what they cost, and a round trip of a 64-byte line with 200 of
-- them busy, and with all.
local skynet = require "skynet"
local socket = require "skynet.socket"
local B = require "lib_bench"
local mode = ...

local function descriptors()
	for line in io.lines "/proc/self/limits" do
		local n = line:match "^Max open files%s+(%d+)"
		if n then return tonumber(n) end
	end
end

local OPENERS = 64
local CONNECTIONS = math.min(20000, (descriptors() - 200) // 2)

if mode == "server" then
	local function serve(fd)
		socket.start(fd)
		local line = socket.readline(fd, "\n")
		while line do
			socket.write(fd, line .. "\n")
			line = socket.readline(fd, "\n")
		end
		socket.close(fd)
	end
	skynet.start(function()
		skynet.dispatch("lua", function()
			local id, _, port = socket.listen("127.0.0.1", 0, 1024)
			socket.start(id, serve)
			skynet.ret(skynet.pack(port))
		end)
	end)
else
	B.start(function()
		local port = skynet.call(skynet.newservice(SERVICE_NAME, "server"), "lua")
		local msg, fds, rss = string.rep("m", 63) .. "\n", {}, B.rss_kib()
		local t = B.now()
		B.parallel(OPENERS, function(k)
			for i = k, CONNECTIONS, OPENERS do
				fds[i] = assert(socket.open("127.0.0.1", port))
			end
		end)
		B.report("conns.open", CONNECTIONS / (B.now() - t), "connections/s")
		B.report("conns.memory", (B.rss_kib() - rss) / (2 * CONNECTIONS), "KiB/socket")
		local function measure(name, busy, rounds)
			local lat = {}
			t = B.now()
			B.parallel(busy, function(i)
				for _ = 1, rounds do
					local began = skynet.hpc()
					socket.write(fds[i], msg)
					assert(#socket.readline(fds[i], "\n") == 63)
					lat[#lat + 1] = skynet.hpc() - began
				end
			end)
			B.report("conns." .. name, busy * rounds / (B.now() - t), "rt/s")
			table.sort(lat)
			B.report("conns." .. name .. "_p99", lat[#lat * 99 // 100] / 1e3, "us")
		end
		measure("200_busy", 200, 250)
		measure("all_busy", CONNECTIONS, 3)
	end)
end
