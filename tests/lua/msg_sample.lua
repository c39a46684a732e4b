-- SPDX-License-Identifier: MIT
-- A msgserver that says what it is told and counts how often.
local skynet = require "skynet"
local msgserver = require "snax.msgserver"

local handled, told, names, waiting = 0, {}, {}, {}

local conf = { expired_number = 2 }

function conf.login_handler(uid, secret)
	names[uid] = msgserver.username(uid, 7, "home")
	msgserver.login(names[uid], secret)
	return names[uid], "two"
end

function conf.logout_handler(uid, subid)
	msgserver.logout(names[uid])
	return uid, subid
end

function conf.kick_handler(what, ...)   -- here: what the test wants to know
	if what == "handled" then
		return handled
	elseif what == "told" then
		return table.concat(told, " ")
	elseif what == "ip" then
		return msgserver.ip(names[...])
	elseif what == "userid" then
		return msgserver.userid(...)
	elseif what == "let" then
		skynet.wakeup(waiting)
	end
end

function conf.request_handler(username, text)
	handled = handled + 1
	if text == "raise" then
		error "as wanted"
	elseif text == "wait" then
		skynet.wait(waiting)
	elseif text == "large" then
		return ("x"):rep(65531)
	elseif text == "nothing" then
		return
	end
	return text .. " from " .. msgserver.userid(username) .. " " .. handled
end

function conf.register_handler(name) told[#told + 1] = "open:" .. name end
function conf.disconnect_handler(name) told[#told + 1] = "left:" .. name end

msgserver.start(conf)
