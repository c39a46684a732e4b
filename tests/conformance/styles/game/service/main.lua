-- SPDX-License-Identifier: MIT
local skynet = require "skynet"
require "skynet.manager"
local rules = require "util.rules"

skynet.start(function()
	local lobby = skynet.newservice("lobby", skynet.getenv "area" or "nowhere")
	skynet.name(".lobby", lobby)
	if skynet.getenv "harbor" ~= "0" then
		skynet.name("LOBBY" .. skynet.getenv "harbor", lobby)
	end
	if skynet.getenv "cluster" then
		require "skynet.cluster".open(skynet.getenv "mynode")
	end
	skynet.error("game is up,", rules.greet(skynet.getenv "area"))
end)
