-- SPDX-License-Identifier: MIT
-- service_provider: the named services of this node behind skynet.service.
--
-- Ours: one that has ended is forgotten, so the next LAUNCH starts it again. Every reply of LAUNCH
-- and QUERY is a handle, or nil and a text.
local skynet = require "skynet"
local commands = require "skynet.commands"
require "skynet.manager"

-- name -> { status = "waiting" (only asked for) | "booting" | "running" | "failed", handle, why,
-- init, time,
--           [i] = response of who waits }
local services = {}

local command = {}

local function settle(entry, handle, why)
	for i = 1, #entry do
		entry[i](true, handle, why)
		entry[i] = nil
	end
end

local function forget_when_ended(name, entry)
	pcall(skynet.call, entry.handle, "debug", "LINK")
	if services[name] == entry then
		services[name] = nil
	end
end

local function describe(...)
	local words = table.pack(...)
	for i = 1, words.n do
		words[i] = tostring(words[i])
	end
	return table.concat(words, ",")
end

local function boot(name, entry, code, ...)
	entry.status = "booting"
	entry.init = describe(...)
	entry.time = os.date "%Y-%m-%d %H:%M:%S"
	local cell
	local ok, why = pcall(function(...)
		cell = assert(skynet.newservice "service_cell")
		entry.handle = cell
		skynet.call(cell, "lua", "INIT", name, code, ...)
	end, ...)
	if ok then
		entry.status = "running"
		skynet.fork(forget_when_ended, name, entry)
		settle(entry, cell)
	else
		entry.status, entry.why = "failed", tostring(why)
		if cell then
			skynet.kill(cell)
		end
		settle(entry, nil, entry.why)
	end
end

-- The entry of that name if it waits or boots; the others are answered.
local function wait_for(name)
	local entry = services[name] or { status = "waiting" }
	services[name] = entry
	if entry.status == "running" then
		skynet.retpack(entry.handle)
	elseif entry.status == "failed" then
		skynet.retpack(nil, entry.why)
	else
		entry[#entry + 1] = skynet.response()
		return entry
	end
end

function command.LAUNCH(name, code, ...)
	local entry = wait_for(name)
	if entry and entry.status == "waiting" then
		boot(name, entry, code, ...)
	end
end

function command.QUERY(name)
	wait_for(name)
end

-- Who waits for a name goes on waiting: somebody may launch it yet.
function command.CLOSE(name)
	local entry = services[name]
	local runs = entry ~= nil and entry.status == "running"
	if runs then
		skynet.kill(entry.handle)
	end
	if runs or entry and entry.status == "failed" then
		services[name] = nil
	end
	skynet.retpack(runs)
end

skynet.info_func(function()
	local list = {}
	for name, entry in pairs(services) do
		if entry.handle then
			list[skynet.address(entry.handle)] = {
				init = entry.init, name = name,
				time = entry.time, status = entry.status,
			}
		end
	end
	return list
end)

skynet.start(function()
	commands.serve { answers = command }
end)
