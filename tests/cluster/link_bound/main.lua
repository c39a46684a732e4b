-- SPDX-License-Identifier: MIT
-- One node sends to SINK of the other, each message in a turn of its own; SINK counts and checks
-- the order.
local skynet = require "skynet"
local harbor = require "skynet.harbor"
require "skynet.manager"
local index = ...

local command, last, wrong, got, letters = {}, 0, 0, 0, 0

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

-- As many as asked for, of one byte, without an end of the turn.
function command.tiny(count)
	local sink, accepted = harbor.find "SINK", 0
	for _ = 1, count do
		accepted = accepted + (skynet.rawsend(sink, "text", "x") and 1 or 0)
	end
	return accepted, count - accepted
end

function command.letters() return letters end

function command.count() return got, wrong end

skynet.register_protocol {
	name = "text",
	id = skynet.PTYPE_TEXT,
	unpack = skynet.tostring,
	dispatch = function() letters = letters + 1 end,
}

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
