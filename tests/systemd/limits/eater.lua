-- Eats memory, with a limit of its own or without, starts programs, and wants names looked up.
local skynet = require "skynet"
local socket = require "skynet.socket"
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
		elseif word == "program" then
			local f, why = io.popen "echo it runs"
			skynet.ret(skynet.pack(f and f:read "l", why))
		elseif word == "look up" then
			local id, why = socket.open("no-such-host.invalid", 1)
			skynet.ret(skynet.pack(id, why))
		else
			skynet.ret(skynet.pack(word))
		end
	end)
	if not limited then
		skynet.register(".main")
	end
end)
