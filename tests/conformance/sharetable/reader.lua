-- SPDX-License-Identifier: MIT
local skynet = require "skynet"
local sharetable = require "skynet.sharetable"

local items, long
local kept = {}

skynet.start(function()
	items = sharetable.query "./items.lua"
	long = items.swords[2]
	kept.shop = items.shop
	skynet.dispatch("lua", function(_, _, what)
		if what == "update" then sharetable.update "./items.lua" end
		local sum, count = 0, 0
		for _, sword in ipairs(items.swords) do sum = sum + sword.damage end
		for k in pairs(items) do count = count + 1 end
		skynet.ret(skynet.pack(("version %d, %d swords, %d keys, sum %d, kept %d, shop %s")
			:format(items.version, #items.swords,
			count, sum, long.damage, kept.shop and "open" or "nil")))
	end)
end)
