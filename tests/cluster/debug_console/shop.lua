-- SPDX-License-Identifier: MIT
-- What the console looks at: a service with requests, tasks that wait, and code to step through.
-- The test names lines of command.add by their text.
local skynet = require "skynet"
require "skynet.manager"

local name = ...
local stock = { apples = 3 }

local function double(n)
	local twice = n * 2
	return twice
end

local command = {}

function command.add(what, n)
	local before = stock[what] or 0
	local more = double(n)
	stock[what] = before + more
	return stock[what], name
end

function command.get(what)
	return stock[what]
end

function command.refuse()
	error { code = 7 }
end

function command.hang()
	skynet.wait()
end

function command.loop()
	local s = 0
	while true do s = s + 1 end
end

function command.tell(...)
	return table.concat({ ... }, ",")
end

function command.nothing() end

function command.fail()
	error "the shop is closed"
end

if name == "exits" then
	skynet.exit()
elseif name == "fails" then
	error "no shop here"
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		skynet.retpack(command[what](...))
	end)
	skynet.info_func(function(...)
		return { name = name, asked = table.concat({ ... }, " "), stock = stock.apples }
	end)
	if name == "first" then
		skynet.register ".shop"
	end
end)
