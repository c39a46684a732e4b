-- SPDX-License-Identifier: MIT
local skynet = require "skynet"
require "skynet.manager"
local sharetable = require "skynet.sharetable"

skynet.start(function()
	sharetable.loadfile("./items.lua", 1)
	sharetable.loadtable("limits", { players = 100, [1] = "one" })
	sharetable.loadstring("code", "return { name = 'from a string', list = { ... } }", 7, true)
	local readers = {}
	for i = 1, 5 do readers[i] = skynet.newservice "reader" end
	local function all(what)
		for i = 1, 5 do
			skynet.error(("reader %d: %s"):format(i,
				skynet.call(readers[i], "lua", what)))
		end
	end
	all "look"
	sharetable.loadfile("./items.lua", 2)
	all "look" -- not before they ask for it
	all "update"
	all "look"
	local limits, code = sharetable.query "limits", sharetable.query "code"
	skynet.error(("limits %d %s"):format(limits.players, limits[1]))
	skynet.error(("code %s %s %s"):format(code.name, code.list[1], code.list[2]))
	skynet.error("write " .. tostring(select(2, pcall(function() limits.players = 1 end))))
	skynet.error("meta " .. tostring(select(2, pcall(setmetatable, limits, {}))))
	skynet.error("unknown " .. tostring(sharetable.query "nobody"))
	skynet.error("not a table " .. tostring(pcall(sharetable.loadstring, "bad", "return 1")))
	skynet.abort()
end)
