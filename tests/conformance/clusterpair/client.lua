-- SPDX-License-Identifier: MIT
local skynet = require "skynet"
require "skynet.manager"
local cluster = require "skynet.cluster"

skynet.start(function()
	skynet.error("name: " .. table.concat({ cluster.call("back", "@store", "echo", 1) }, " "))
	skynet.error("local name: " .. cluster.call("back", ".store", "there"))
	local handle = cluster.query("back", "store")
	skynet.error("handle: " .. cluster.call("back", handle, "by handle"))
	cluster.send("back", "@store", "put", "sent")
	skynet.error("send: " .. cluster.call("back", "@store", "last"))
	skynet.error("large: " .. cluster.call("back", "@store", "size", ("x"):rep(1000000)))
	local proxy = cluster.proxy "back@store"
	skynet.error("proxy: " .. skynet.call(proxy, "lua", "through a proxy"))
	skynet.error("unknown name: " .. tostring(pcall(cluster.query, "back", "nobody")))
	skynet.error("absent node: " .. tostring(pcall(cluster.call, "nowhere", "@store", "x")))
	skynet.error("node that is down: " .. tostring(pcall(cluster.call, "down", "@store", "x")))
	cluster.call("back", "@store", "stop")
	skynet.abort()
end)
