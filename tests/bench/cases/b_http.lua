-- SPDX-License-Identifier: MIT
-- HTTP through the library's own server and client, in one node: a new connection a request (what
-- httpc does), 32 at a time, a 128-byte answer; then bodies of 1 MiB.
local skynet = require "skynet"
local socket = require "skynet.socket"
local B = require "lib_bench"
local mode = ...

if mode == "server" then
	local httpd = require "http.httpd"
	local sockethelper = require "http.sockethelper"
	local answers = { ["/small"] = string.rep("a", 128), ["/large"] = string.rep("b", 1 << 20) }
	skynet.start(function()
		skynet.dispatch("lua", function(_, _, port)
			local id = socket.listen("127.0.0.1", port, 1024)
			socket.start(id, function(fd)
				skynet.fork(function()
					socket.start(fd)
					local write = sockethelper.writefunc(fd)
					local read = sockethelper.readfunc(fd)
					local code, url = httpd.read_request(read, 8192)
					if code then
						local body = answers[url] or url
						httpd.write_response(write, code, body)
					end
					socket.close(fd)
				end)
			end)
			skynet.ret(skynet.pack(true))
		end)
	end)
elseif mode == "client" then
	local httpc = require "http.httpc"
	skynet.start(function()
		skynet.dispatch("lua", function(_, _, host, tasks, rounds, url, size)
			local lat = {}
			B.parallel(tasks, function()
				for _ = 1, rounds do
					local t = skynet.hpc()
					local status, body = httpc.request("GET", host, url)
					assert(status == 200 and #body == size)
					lat[#lat + 1] = skynet.hpc() - t
				end
			end)
			table.sort(lat)
			skynet.ret(skynet.pack(lat[#lat // 2] / 1e3, lat[#lat * 99 // 100] / 1e3))
		end)
	end)
else
	B.start(function()
		local s = skynet.newservice(SERVICE_NAME, "server")
		local c = skynet.newservice(SERVICE_NAME, "client")
		skynet.call(s, "lua", 19781)
		local host = "127.0.0.1:19781"
		skynet.call(c, "lua", host, 8, 50, "/small", 128)
		local t = B.now()
		local _, p99 = skynet.call(c, "lua", host, 32, 200, "/small", 128)
		B.report("http.requests", 32 * 200 / (B.now() - t), "req/s")
		B.report("http.p99", p99, "us")
		t = B.now()
		skynet.call(c, "lua", host, 4, 40, "/large", 1 << 20)
		B.report("http.bulk", 4 * 40 * (1 << 20) / 1e6 / (B.now() - t), "MB/s")
	end)
end
