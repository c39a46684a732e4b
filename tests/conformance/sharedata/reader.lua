-- SPDX-License-Identifier: MIT
local skynet = require "skynet"
local sharedata = require "skynet.sharedata"

skynet.start(function()
	local items = sharedata.query "items"
	local long, shop = items.swords[2], items.shop
	local command = {}

	function command.look()
		local sum = 0
		for _, sword in pairs(items.swords) do sum = sum + sword.damage end
		return ("version %d, %d swords, sum %d, kept %d"):format(items.version,
			#items.swords, sum, long.damage)
	end

	command["until"] = function(version)
		while items.version ~= version do skynet.sleep(1) end
		return "is there"
	end

	function command.old()
		local ok, why = pcall(function() return shop.open end)
		return ok and "still" or tostring(why):match "The key .*"
	end

	skynet.dispatch("lua", function(_, _, what, ...)
		skynet.ret(skynet.pack(command[what](...)))
	end)
end)
