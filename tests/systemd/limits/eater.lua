-- Eats memory, with a limit of its own or without.
local skynet = require "skynet"
require "skynet.manager"

local limited = ...
local kept = {}

if limited then
	skynet.memlimit(16 << 20)
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, word)
		if word == "eat" then
			while true do
				kept[#kept + 1] = ("x"):rep(1 << 20) .. #kept
			end
		elseif word == "limited" then
			local s = skynet.newservice("eater", "limited")
			local ok, why = pcall(skynet.call, s, "lua", "eat")
			skynet.ret(skynet.pack(ok, tostring(why)))
		else
			skynet.ret(skynet.pack(word))
		end
	end)
	if not limited then
		skynet.register(".main")
	end
end)
