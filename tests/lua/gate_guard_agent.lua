-- SPDX-License-Identifier: MIT
-- Who serves the clients of test_gate_guard, slowly: numbered messages, of which it says how many
-- came, and whether in order. A message "stop KEY" keeps it until that key is in the environment.
local skynet = require "skynet"

local mode = ...

if mode == "msgserver" then
	local msgserver = require "snax.msgserver"
	local waiting, handled = {}, 0
	local conf = { request_number = 8 }
	function conf.login_handler(secret)
		local name = msgserver.username("ann", 1, "home")
		msgserver.login(name, secret)
		return name
	end
	function conf.logout_handler() end
	-- here: lets all go, and tells how many there were
	function conf.kick_handler(let)
		if let then
			for i = 1, #waiting do
				skynet.wakeup(waiting[i])
			end
			waiting = {}
		end
		return handled
	end
	function conf.request_handler(_, text)
		handled = handled + 1
		if text == "wait" then
			local token = {}
			waiting[#waiting + 1] = token
			skynet.wait(token)
		end
		return text
	end
	msgserver.start(conf)
	return
end

local count, ordered = 0, true

local function take(text)
	local key = text:match "^stop (%w+)"
	while key and not skynet.getenv(key) do
	end
	if not key then
		count = count + 1
		ordered = ordered and (">I4"):unpack(text) == count
	end
end

skynet.register_protocol {
	name = "client", id = skynet.PTYPE_CLIENT, unpack = skynet.tostring,
	dispatch = function(_, _, text)
		skynet.ignoreret()
		take(text)
	end,
}
skynet.register_protocol {
	name = "text", id = skynet.PTYPE_TEXT, unpack = skynet.tostring,
	dispatch = function(_, _, text)
		skynet.ignoreret()
		local data = text:match "^%d+ data (.*)$"
		if data then
			take(data)
		end
	end,
}

skynet.start(function()
	skynet.dispatch("lua", function(session, _, what, event, _, text)
		if what == "socket" then
			if event == "data" then
				take(text)
			end
		elseif session ~= 0 then
			skynet.retpack(count, ordered)
		end
	end)
end)
