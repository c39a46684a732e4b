-- SPDX-License-Identifier: MIT
local skynet = require "skynet"
local snax = require "skynet.snax"
local words = require "words"   -- of this service's folder; nothing where callers read this file

local i = 0
local kept
local function helper() return "helper", i end

greeting = "hello"   -- a global of the service

function init(...)
	kept = { ... }
	if kept[1] == "fail" then
		error "no room"
	end
	skynet.sleep(2)   -- while others call
end

function exit(...)
	if ... == "refuse" then
		error "not yet"
	end
	skynet.error("room ends: " .. table.concat({ ... }, " "))
end

function accept.add(n) i = i + n end
function accept.fail() error "in accept" end
function accept.cluster() snax.enablecluster() end
function response.get() return i, nil, "x", nil end
function response.fail() error "in response" end
function response.args() return table.unpack(kept) end
function response.world()
	return greeting, SERVICE_NAME, SERVICE_PATH, words.word, accept == nil and response == nil,
		getmetatable(_G)
end
function response.helper() return helper() end
function response.slow(n) skynet.sleep(n) return n end
function response.add(n) i = i + n return i end
function response.own() return snax.self().req.get() end
function response.leave(...) skynet.fork(snax.exit, ...) end
