-- SPDX-License-Identifier: MIT
local skynet = require "skynet"
require "skynet.manager"
local harbor = require "skynet.harbor"
local datacenter = require "skynet.datacenter"

skynet.start(function()
	local writer = harbor.queryname "WRITER"
	local id, remote = skynet.harbor(writer)
	skynet.error(("writer is on %d, remote %s"):format(id, remote))
	skynet.error(("i am on %d, remote %s"):format(skynet.call(writer, "lua", "where")))
	skynet.error("rules: " .. table.concat(datacenter.get("board", "rules"), ", "))
	skynet.error("first: " .. datacenter.get("board", "posts", 1))
	skynet.error("nothing: " .. tostring(datacenter.get("board", "nothing")))
	skynet.error("through a leaf: " .. tostring(pcall(datacenter.get, "board", "posts", 1,
		"deeper")))
	skynet.error("before: " .. skynet.call("WRITER", "lua", "post", 1, "changed"))
	skynet.error("after: " .. datacenter.get("board", "posts", 1))
	local waiting = 0
	for i = 2, 4 do
		skynet.fork(function()
			skynet.error(("post %d: %s"):format(i,
				datacenter.wait("board", "posts", i)))
			waiting = waiting + 1
		end)
	end
	skynet.sleep(10)
	for i = 4, 2, -1 do
		skynet.call(writer, "lua", "post", i, "text " .. i)
	end
	while waiting < 3 do skynet.sleep(1) end
	datacenter.set("board", "hello", "here")
	skynet.call(writer, "lua", "stop")
	skynet.error "done"
	skynet.abort()
end)
