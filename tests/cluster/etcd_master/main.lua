-- SPDX-License-Identifier: MIT
-- Calls another service by handle and by name all the time, and keeps what came of it; owns a name
-- and hears of its loss.
local skynet = require "skynet"
require "skynet.manager"
local harbor = require "skynet.harbor"

local command, counts, losses = {}, {}, {}

local function count(key, took)
	local c = counts[key] or { n = 0, longest = 0 }
	counts[key] = c
	c.n, c.longest = c.n + 1, math.max(c.longest, took)
end

function command.self() return skynet.self() end

-- true and the number of the registration, or false and why not.
function command.register(name)
	local ok, yes, fence = pcall(harbor.register, name)
	return ok and yes, ok and fence or yes
end

-- Begins to, and does not wait.
function command.start(name)
	skynet.fork(command.register, name)
end

function command.query(name)
	local ok, handle = pcall(harbor.queryname, name, 50)
	return ok and handle or 0
end

function command.loop(...)
	for _, to in ipairs { ... } do
		skynet.fork(function()
			while true do
				local t0 = skynet.now()
				local ok, answer = pcall(skynet.call, math.tointeger(to) or to,
					"lua", "self")
				count(ok and "ok" or tostring(answer), skynet.now() - t0)
				skynet.sleep(1)
			end
		end)
	end
	return true
end

-- Answers: right ones, the longest wait in cs, and what went wrong.
function command.counts()
	local good, wrong = counts.ok or { n = 0, longest = 0 }, {}
	for key in pairs(counts) do
		if key ~= "ok" then
			wrong[#wrong + 1] = key
		end
	end
	return good.n, good.longest, table.concat(wrong, "; ")
end

-- One after the other: "NAME winner".
function command.losses()
	return table.concat(losses, " ")
end

skynet.start(function()
	skynet.dispatch("lua", function(session, _, f, ...)
		if session ~= 0 then
			skynet.retpack(command[f](...))
		end
	end)
	harbor.watch(function(name, winner)
		losses[#losses + 1] = ("%s=%d"):format(name, winner)
	end)
	skynet.register ".probe"
end)
