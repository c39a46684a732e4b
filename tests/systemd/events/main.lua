-- SPDX-License-Identifier: MIT
-- Does to its node what the test asks for.
local skynet = require "skynet"
require "skynet.manager"
local what = ...
local command = {}

-- More messages than a service takes in one turn.
function command.flood()
	for _ = 1, 20000 do
		skynet.send(skynet.self(), "lua", "nothing")
	end
end

function command.nothing()
end

-- So many services that are in one message for so many seconds.
function command.busy(services, seconds)
	for _ = 1, services do
		skynet.send(skynet.newservice("main", "busy"), "lua", "spin", seconds)
	end
end

function command.spin(seconds)
	local until_ns = skynet.hpc() + seconds * 1000000000
	while skynet.hpc() < until_ns do end
end

function command.traced()
	skynet.trace()
	skynet.log("warning", "this is traced")
end

function command.storm(n)
	for i = 1, n do
		skynet.error("storm " .. i)
	end
end

skynet.start(function()
	if what == "throws" then
		error "this is meant"
	end
	skynet.dispatch("lua", function(session, _, word, ...)
		command[word](...)
		if session ~= 0 then
			skynet.ret(skynet.pack "done")
		end
	end)
	if not what then
		skynet.register(".main")
		skynet.register("MAIN_" .. skynet.getenv "nodename")
	end
end)
