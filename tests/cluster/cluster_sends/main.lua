-- SPDX-License-Identifier: MIT
-- A node of skynet.cluster that floods another one with sends, or is flooded.
local skynet = require "skynet"
require "skynet.manager"
local cluster = require "skynet.cluster"

local own, other = ...
local got = 0
local command = {}

function command.note() got = got + 1 end
function command.got() return got end
function command.flood(n, size)
	local text = ("x"):rep(size)
	for _ = 1, n do
		cluster.send("there", "@sink", "note", text)
	end
	return n
end
function command.ask() return pcall(cluster.call, "there", "@sink", "got") end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		if what == "note" then
			return command.note()
		end
		skynet.retpack(command[what](...))
	end)
	skynet.register ".main"
	cluster.reload { here = "127.0.0.1:" .. own, there = "127.0.0.1:" .. other }
	cluster.register("sink", skynet.self())
	cluster.open "here"
end)
