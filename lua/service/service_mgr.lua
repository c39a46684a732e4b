-- SPDX-License-Identifier: MIT
-- .service: one instance of a service per node, or in the whole cluster (lua-core.md 7.2).
--
-- Every reply is a value, or nil and a text. Global ones (key "@name") live with the manager that owns
-- the global name SERVICE, on the master's node; the others ask it and keep the answer.
local skynet = require "skynet"
local harbor = require "skynet.harbor"
require "skynet.manager"

local running = {}   -- key -> handle, or {waiting responses}, or error text
local standalone = skynet.getenv "standalone"

local function settle(key, value, why)
	local waiting = running[key]
	running[key] = value or why
	for _, answer in ipairs(waiting) do
		answer(true, value, why)
	end
end

-- Answers with the service under `key`; `make` creates it if nobody has. No `make`: waits for somebody.
local function serve(key, make)
	local entry = running[key]
	if type(entry) == "number" then
		return skynet.retpack(entry)
	elseif type(entry) == "string" then
		return skynet.retpack(nil, entry)
	end
	local first = entry == nil or not entry.launching
	entry = entry or {}
	running[key] = entry
	entry[#entry + 1] = skynet.response()
	if make and first then
		entry.launching = true
		local ok, value = pcall(make)
		if ok and value then
			settle(key, value)
		else
			settle(key, nil, tostring(value or "the service exited while it started"))
		end
	end
end

local function key_of(name, sub)
	return name == "snaxd" and "snaxd." .. tostring(sub) or name
end

local command = {}

function command.LAUNCH(name, ...)
	local args = table.pack(...)
	local real = name:match "^@(.*)" or name
	serve(key_of(name, ...), function()
		return skynet.newservice(real, table.unpack(args, 1, args.n))
	end)
end

function command.QUERY(name, sub)
	serve(key_of(name, sub))
end

-- Every request is passed on: one that waits for a name must not hold up the one that launches it. Only what
-- lives is kept, for as long as it does: a restarted master has other services.
local function ask_global(what, name, ...)
	local key = "@" .. key_of(name, ...)
	if running[key] then
		return skynet.retpack(running[key])
	end
	local handle, why = skynet.call("SERVICE", "lua", what, name, ...)
	if handle and not running[key] then
		running[key] = handle
		skynet.fork(function()
			pcall(skynet.call, handle, "debug", "LINK")
			running[key] = nil
		end)
	end
	skynet.retpack(handle, why)
end

function command.GLAUNCH(name, ...)
	if standalone then
		return command.LAUNCH("@" .. name, ...)
	end
	ask_global("GLAUNCH", name, ...)
end

function command.GQUERY(name, ...)
	if standalone then
		return command.QUERY("@" .. name, ...)
	end
	ask_global("GQUERY", name, ...)
end

local managers = {}   -- of the other nodes: handle -> true

local function add_remote(list, manager)
	local ok, theirs = pcall(skynet.calltimeout, 100, manager, "lua", "LIST")
	for key, value in pairs(ok and theirs or {}) do
		list[key .. "@" .. skynet.harbor(manager)] = value
	end
end

function command.LIST()
	local list = {}
	for key, entry in pairs(running) do
		if type(entry) == "number" then
			list[key] = skynet.address(entry)
		elseif type(entry) == "string" then
			list[key] = "Error: " .. entry
		else
			list[key] = (entry.launching and "Launching, asked by " or "Querying: ") .. #entry
		end
	end
	for manager in pairs(managers) do
		add_remote(list, manager)
	end
	skynet.retpack(list)
end

-- A manager of another node tells of itself, and stays known for as long as it lives.
function command.REPORT(manager)
	if not managers[manager] then
		managers[manager] = true
		skynet.fork(function()
			pcall(skynet.call, manager, "debug", "LINK")
			managers[manager] = nil
		end)
	end
	skynet.retpack(true)
end

-- Keeps the master's manager informed, over its restarts.
local function report()
	while true do
		pcall(function()
			local master = harbor.queryname "SERVICE"
			skynet.call(master, "lua", "REPORT", skynet.self())
			skynet.call(master, "debug", "LINK")
		end)
		skynet.sleep(200)
	end
end

skynet.start(function()
	skynet.dispatch("lua", function(session, _, name, ...)
		local f = command[name]
		if f then
			f(...)
		elseif session ~= 0 then
			skynet.retpack(nil, "Invalid command " .. tostring(name))
		end
	end)
	if skynet.localname ".service" then
		skynet.error(".service is already registered")
		skynet.exit()
	end
	skynet.register ".service"
	if standalone then
		skynet.register "SERVICE"
	else
		skynet.fork(report)
	end
end)
