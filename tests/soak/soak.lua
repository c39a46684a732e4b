-- SPDX-License-Identifier: MIT
-- The boss of the soak: starts the drivers, hands out the calls of a stage, adds up. Commands for
-- soak.py: stage(calls), done(), report().
local skynet = require "skynet"
require "skynet.manager"
local socket = require "skynet.socket"
local sharetable = require "skynet.sharetable"
local multicast = require "skynet.multicast"
local memory = require "skynet.memory"

local seed = tonumber((...))
local DRIVERS <const>, TASKS <const> = 4, 16
local drivers, running, version, why = {}, 0, 0, nil

local function update()
	version = version + 1
	sharetable.loadtable("soak", { version = version, list = { 10, 20, 30 },
		deep = { a = { b = { c = version } } } })
	for i = 1, #drivers do skynet.send(drivers[i], "debug", "GC") end
end

local command = {}

function command.stage(calls)
	calls = tonumber(calls)
	running = DRIVERS
	update()
	for i = 1, DRIVERS do
		skynet.fork(function()
			local ok, err = pcall(skynet.call, drivers[i], "lua", "run",
				calls // DRIVERS, TASKS)
			if not ok then why = tostring(err) end
			running = running - 1
		end)
	end
	skynet.retpack(true)
end

function command.done() skynet.retpack(running == 0, why or false) end

function command.report()
	local all = { made = 0, right = 0, failed = 0, heard = 0, published = 0, tasks = 0, kib = 0,
		wrong = {}, reasons = {} }
	for i = 1, DRIVERS do
		local r = skynet.call(drivers[i], "lua", "report")
		for _, k in ipairs { "made", "right", "failed", "heard", "published", "tasks",
			"kib" } do all[k] = all[k] + r[k] end
		for _, w in ipairs(r.wrong) do all.wrong[#all.wrong + 1] = w end
		for k, n in pairs(r.reasons) do all.reasons[k] = (all.reasons[k] or 0) + n end
	end
	collectgarbage()
	all.allocated = memory.jestat()["stats.allocated"] / 2 ^ 20 -- 0 under a sanitizer
	skynet.retpack(all)
end

skynet.start(function()
	local id, _, port = socket.listen("127.0.0.1", 0)
	socket.start(id, function(fd)
		socket.start(fd)
		skynet.fork(function()
			while true do
				local line = socket.readline(fd, "\n")
				if not line then break end
				socket.write(fd, line .. "\n")
			end
			socket.close(fd)
		end)
	end)
	local channel = multicast.new()
	update()
	for i = 1, DRIVERS do drivers[i] = skynet.newservice("driver", seed + i, port,
		channel.channel) end
	skynet.dispatch("lua", function(_, _, name, ...) command[name](...) end)
	skynet.register ".soak"
end)
