-- SPDX-License-Identifier: MIT
-- `.probe`: owns, hears and publishes many channels of skynet.multicast; the test drives it by
-- harborctl.
local skynet = require "skynet"
require "skynet.manager"
local multicast = require "skynet.multicast"

local command, mine = {}, {}
local heard, events = {}, {} -- channel -> count; what -> { channel -> count }

-- n channels of this node, under the global name OWNER for others to ask.
function command.own(n)
	for i = 1, n do mine[i] = multicast.new() end
	skynet.name("OWNER", skynet.self())
	return #mine
end

function command.numbers()
	local list = {}
	for i, c in ipairs(mine) do list[i] = c.channel end
	return list
end

local function event(c, what)
	events[what] = events[what] or {}
	events[what][c.channel] = (events[what][c.channel] or 0) + 1
end

local function hear(c) heard[c.channel] = (heard[c.channel] or 0) + 1 end

-- Keeps no object: the library does.
local function subscribe(id)
	multicast.new { channel = id, dispatch = hear, event = event }:subscribe()
end

local joined = {}

-- To every channel of OWNER, once.
function command.join()
	local list = skynet.call("OWNER", "lua", "numbers")
	for _, id in ipairs(list) do
		if not joined[id] then
			subscribe(id)
			joined[id] = true
		end
	end
	collectgarbage()
	return #list
end

function command.subscribe(id) return pcall(subscribe, math.tointeger(tonumber(id))) end

-- Once on each channel of our own.
function command.publish()
	for _, c in ipairs(mine) do c:publish "x" end
	return #mine
end

function command.publish_to(id)
	local c = multicast.new { channel = math.tointeger(tonumber(id)) }
	return pcall(c.publish, c, "x")
end

function command.delete()
	for _, c in ipairs(mine) do c:delete() end
	return true
end

-- The least that any of n channels heard.
function command.least(n)
	local least, count = math.huge, 0
	for _, k in pairs(heard) do least, count = math.min(least, k), count + 1 end
	return count < n and 0 or least
end

-- Of how many channels this was told, and how often at most.
function command.told(what)
	local count, most = 0, 0
	for _, k in pairs(events[what] or {}) do count, most = count + 1, math.max(most, k) end
	return count, most
end

-- What multicastd of this node costs: its tasks, the messages that it got, its heap in KiB.
function command.cost()
	local daemon = skynet.queryservice "multicastd"
	local stat = skynet.call(daemon, "debug", "STAT")
	return stat.task, stat.message, skynet.call(daemon, "debug", "MEM") // 1 | 0
end

skynet.start(function()
	skynet.dispatch("lua", function(session, _, what, ...)
		if session ~= 0 then
			skynet.retpack(command[what](...))
		end
	end)
	skynet.register ".probe"
end)
