-- SPDX-License-Identifier: MIT
-- A login server that takes the same user more than once at a time: both wait for the second.
local skynet = require "skynet"
local login = require "snax.loginserver"

local first
local conf = { port = 0, host = "127.0.0.1", name = "login_multi", instance = 1, multilogin = true }

function conf.auth_handler(token)
	return "home", token
end

function conf.login_handler()
	if first then
		skynet.wakeup(first)
		return "second"
	end
	first = {}
	skynet.wait(first)
	return "first"
end

function conf.command_handler()
	return conf.port
end

login(conf)
