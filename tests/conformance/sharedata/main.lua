-- SPDX-License-Identifier: MIT
local skynet = require "skynet"
require "skynet.manager"
local sharedata = require "skynet.sharedata"

skynet.start(function()
	sharedata.new("items", "@./items.lua", 1)
	sharedata.new("limits", { players = 100, names = { "a", "b", "c" } })
	sharedata.new("text", "x = 1 y = { 2, 3 }")
	skynet.error("again " .. tostring(pcall(sharedata.new, "items", {})))
	local readers = {}
	for i = 1, 5 do readers[i] = skynet.newservice "reader" end
	local function all(...)
		for i = 1, 5 do
			skynet.error(("reader %d: %s"):format(i,
				skynet.call(readers[i], "lua", ...)))
		end
	end
	all "look"
	sharedata.update("items", "@./items.lua", 2)
	all("until", 2)
	all "look"
	all "old"
	local text = sharedata.query "text"
	skynet.error(("text %d %d %d"):format(text.x, #text.y, text.y[2]))
	skynet.error("write " .. tostring(select(2, pcall(function() text.x = 2 end))))
	skynet.error("copy " .. sharedata.deepcopy("items", "swords", 2, "name"))
	sharedata.delete "limits"
	skynet.error("gone " .. tostring(pcall(sharedata.query, "nobody")))
	skynet.abort()
end)
