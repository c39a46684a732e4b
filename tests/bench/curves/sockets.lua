-- SPDX-License-Identifier: MIT
-- Cost of a round trip as sockets grow. x = sockets in the process (two a connection). One curve
-- has every connection busy, the other 50 busy ones among idle ones; y = us of wall time a round
-- trip of a 64-byte line.
local skynet = require "skynet"
local socket = require "skynet.socket"
local C = require "lib_curve"
local mode = ...

if mode == "server" then
	skynet.start(function()
		skynet.dispatch("lua", function()
			local id, _, port = socket.listen("127.0.0.1", 0)
			socket.start(id, function(fd)
				socket.start(fd)
				skynet.fork(function()
					while true do
						local line = socket.readline(fd, "\n")
						if not line then break end
						socket.write(fd, line .. "\n")
					end
					socket.close(fd)
				end)
			end)
			skynet.ret(skynet.pack(port))
		end)
	end)
else
	C.start(function()
		local conns = tonumber(mode) // 2
		local port = skynet.call(skynet.newservice(SERVICE_NAME, "server"), "lua")
		local msg = string.rep("m", 63) .. "\n"
		local rss, fds = C.rss_kib(), {}
		local function trip(fd)
			socket.write(fd, msg)
			assert(#socket.readline(fd, "\n") == 63)
		end
		C.parallel(32, function(k)
			for i = k, conns, 32 do
				fds[i] = assert(socket.open("127.0.0.1", port))
				trip(fds[i])
			end
		end)
		C.row("sockets.kib", conns * 2, (C.rss_kib() - rss) / (conns * 2))
		local function measure(curve, busy)
			local rounds = math.max(1, 100000 // busy)
			local t = C.now()
			C.parallel(busy, function(i)
				for _ = 1, rounds do trip(fds[i]) end
			end)
			C.row(curve, conns * 2, (C.now() - t) * 1e6 / (busy * rounds))
		end
		for _ = 1, 2 do
			measure("sockets.all_busy_us", conns)
			measure("sockets.50_busy_us", math.min(50, conns))
		end
	end)
end
