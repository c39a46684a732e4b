-- SPDX-License-Identifier: MIT
-- A web server for tests/bench/nginx.py: a service a worker, a connection stays with one. The path
-- is the size of the answer.
local skynet = require "skynet"
local socket = require "skynet.socket"
local mode = ...

local function agent()
	local httpd = require "http.httpd"
	local sockethelper = require "http.sockethelper"
	local header, bodies = { ["content-type"] = "text/plain" }, {}
	for _, size in ipairs { 128, 16384 } do
		bodies["/" .. size] = ("a"):rep(size)
	end
	local function serve(id)
		socket.start(id)
		local read, write = sockethelper.readfunc(id), sockethelper.writefunc(id)
		local code, url = httpd.read_request(read, 8192)
		while code == 200 do
			httpd.write_response(write, code, bodies[url] or "", header)
			code, url = httpd.read_request(read, 8192)
		end
		socket.close(id)
	end
	skynet.dispatch("lua", function(_, _, id)
		serve(id)
	end)
end

local function listen()
	local agents, next_one = {}, 0
	for i = 1, tonumber(skynet.getenv "thread" or 2) do
		agents[i] = skynet.newservice(SERVICE_NAME, "agent")
	end
	local id, _, port = socket.listen("127.0.0.1", 0, 1024)
	socket.start(id, function(fd)
		next_one = next_one % #agents + 1
		skynet.send(agents[next_one], "lua", fd)
	end)
	io.stdout:write("PORT ", port, "\n")
	io.stdout:flush()
end

skynet.start(mode == "agent" and agent or listen)
