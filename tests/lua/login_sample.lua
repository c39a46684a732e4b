-- SPDX-License-Identifier: MIT
-- A login server: the token is "name@server:password", and the password is "sesame".
local skynet = require "skynet"
local login = require "snax.loginserver"
local crypt = require "skynet.crypt"

local conf = { port = 0, host = "127.0.0.1", name = "login_sample", instance = 2 }
local secrets, held = {}, {}

function conf.auth_handler(token)
	local user, server, password = token:match "^(.-)@(.-):(.*)$"
	assert(password == "sesame", "wrong password")
	return server, user
end

function conf.login_handler(server, uid, secret)
	if uid == "banned" then
		error "this one is banned"
	elseif uid == "slow" then
		held.token = {}
		skynet.wait(held.token)
	elseif uid == "plain" then
		return
	end
	secrets[uid] = crypt.hexencode(secret)
	return server .. "/" .. uid .. "/7"
end

function conf.command_handler(what, ...)
	if what == "port" then
		return conf.port
	elseif what == "secret" then
		return secrets[...], "second"
	elseif what == "waits" then
		return held.token ~= nil
	elseif what == "let" then
		skynet.wakeup(held.token)
		held.token = nil
	end
end

login(conf)
