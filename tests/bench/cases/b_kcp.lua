-- Echo over KCP in one node: 64 messages of 64 bytes under way at a time, on one session and on 16.
local skynet = require "skynet"
local kcp = require "skynet.kcp"
local B = require "lib_bench"
local mode = ...

if mode == "server" then
	skynet.start(function()
		skynet.dispatch("lua", function()
			local _, _, port = kcp.listen("127.0.0.1", 0, function(id)
				local data = kcp.recv(id)
				while data do
					kcp.send(id, data)
					data = kcp.recv(id)
				end
			end)
			skynet.retpack(port)
		end)
	end)
else
	B.start(function()
		local port = skynet.call(skynet.newservice(SERVICE_NAME, "server"), "lua")
		local function run(name, sessions, n)
			local left, me = sessions, coroutine.running()
			local each, window = n // sessions, 64 // sessions
			local message = string.rep("k", 64)
			local t = B.now()
			for _ = 1, sessions do
				local id = assert(kcp.connect("127.0.0.1", port))
				skynet.fork(function()
					for _ = 1, window do
						kcp.send(id, message)
					end
					for i = 1, each do
						kcp.recv(id)
						if i <= each - window then
							kcp.send(id, message)
						end
					end
					kcp.close(id)
					left = left - 1
					if left == 0 then
						skynet.wakeup(me)
					end
				end)
			end
			skynet.wait(me)
			B.report(name, n / (B.now() - t), "rt/s")
		end
		run("kcp.round_trips", 1, 100000)
		run("kcp.sessions16", 16, 100000)
	end)
end
