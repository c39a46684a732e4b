-- SPDX-License-Identifier: MIT
-- WebSocket echo through the library's own server and client, in one node: 100 connections, 64-byte
-- text messages; then binary messages of 256 KiB on one connection.
local skynet = require "skynet"
local socket = require "skynet.socket"
local websocket = require "http.websocket"
local B = require "lib_bench"
local mode = ...

if mode == "server" then
	local handle = {}
	function handle.connect() end
	function handle.handshake() end
	function handle.message(id, msg, kind) websocket.write(id, msg, kind) end
	function handle.ping() end
	function handle.pong() end
	function handle.close() end
	function handle.error() end
	skynet.start(function()
		skynet.dispatch("lua", function(_, _, port)
			local id = socket.listen("127.0.0.1", port, 1024)
			socket.start(id, function(fd, addr)
				skynet.fork(websocket.accept, fd, handle, "ws", addr)
			end)
			skynet.ret(skynet.pack(true))
		end)
	end)
elseif mode == "client" then
	skynet.start(function()
		skynet.dispatch("lua", function(_, _, url, conns, rounds, size, kind)
			local lat = {}
			local msg = string.rep("m", size)
			local ids = {}
			for i = 1, conns do ids[i] = websocket.connect(url) end
			local t0 = skynet.hpc()
			B.parallel(conns, function(i)
				for _ = 1, rounds do
					local t = skynet.hpc()
					websocket.write(ids[i], msg, kind)
					assert(#websocket.read(ids[i]) == size)
					lat[#lat + 1] = skynet.hpc() - t
				end
			end)
			local spent = skynet.hpc() - t0
			for i = 1, conns do websocket.close(ids[i]) end
			table.sort(lat)
			skynet.ret(skynet.pack(spent / 1e9, lat[#lat * 99 // 100] / 1e3))
		end)
	end)
else
	B.start(function()
		local s = skynet.newservice(SERVICE_NAME, "server")
		local c = skynet.newservice(SERVICE_NAME, "client")
		skynet.call(s, "lua", 19782)
		local url = "ws://127.0.0.1:19782/echo"
		local spent, p99 = skynet.call(c, "lua", url, 100, 200, 64, "text")
		B.report("ws.round_trips", 100 * 200 / spent, "rt/s")
		B.report("ws.p99", p99, "us")
		spent = skynet.call(c, "lua", url, 1, 60, 256 << 10, "binary")
		B.report("ws.bulk", 2 * 60 * (256 << 10) / 1e6 / spent, "MB/s")
	end)
end
