-- SPDX-License-Identifier: MIT
-- One node sends to SINK of the other, each message in a turn of its own; SINK counts and checks
-- the order.
local skynet = require "skynet"
require "skynet.manager"
local index = ...

local command, last, wrong, got = {}, 0, 0, 0

function command.ping() return true end

function command.flood(count, size)
	local pong, text = skynet.newservice("main", "pong"), ("x"):rep(size)
	local accepted, refused = 0, 0
	for i = 1, count do
		if skynet.send("SINK", "lua", i, text) then
			accepted = accepted + 1
		else
			refused = refused + 1
		end
		skynet.call(pong, "lua", "ping") -- ends the turn: one message a flush
	end
	return accepted, refused
end

function command.count() return got, wrong end

skynet.start(function()
	skynet.dispatch("lua", function(session, _, what, ...)
		if session ~= 0 then
			return skynet.retpack(command[what](...))
		end
		got = got + 1
		wrong = wrong + (what > last and 0 or 1)
		last = what
	end)
	if index ~= "pong" then
		skynet.register ".probe"
	end
	if index == "2" then
		skynet.name("SINK", skynet.self())
	end
end)
