-- SPDX-License-Identifier: MIT
-- Runs an "account" service, with a global name, for each word of its arguments; asks others for
-- the test.
local skynet = require "skynet"
require "skynet.manager"
local harbor = require "skynet.harbor"

local what, name = ...
if what == "account" then
	skynet.start(function()
		skynet.dispatch("lua", function()
			skynet.retpack(name)
		end)
		skynet.name(name:upper(), skynet.self())
	end)
	return
end

local words = { ... }
local accounts, command, counts = {}, {}, {}

function command.self() return skynet.self() end
function command.handle(word) return accounts[word] end

-- true and the answer, or false and why not.
function command.ask(to)
	local ok, answer = pcall(skynet.call, math.tointeger(to) or to, "lua", "who")
	return ok, ok and answer or tostring(answer)
end

-- Calls this name all the time; command.answers tells who answered how often, "errors" among them.
function command.watch(to)
	skynet.fork(function()
		while true do
			local ok, answer = pcall(skynet.call, to, "lua", "who")
			local key = ok and answer or "errors"
			counts[key] = (counts[key] or 0) + 1
			skynet.sleep(1)
		end
	end)
	return true
end

function command.answers()
	local list = {}
	for key, count in pairs(counts) do
		list[#list + 1] = key .. "=" .. count
	end
	return table.concat(list, " ")
end

-- n services that live for a moment: uses up handles.
function command.births(n)
	for _ = 1, n do
		skynet.kill(skynet.newservice(SERVICE_NAME, ""))
	end
	return true
end

-- Why a name cannot be had, or true.
function command.register(text, handle)
	local ok, why = pcall(harbor.register, text, math.tointeger(handle))
	return ok or why
end

skynet.start(function()
	skynet.dispatch("lua", function(session, _, f, ...)
		if session ~= 0 then
			skynet.retpack(command[f](...))
		end
	end)
	if #words == 0 then
		return
	end
	skynet.register ".probe"
	for _, word in ipairs(words) do
		if word ~= "-" then
			accounts[word] = skynet.newservice(SERVICE_NAME, "account", word)
		end
	end
end)
