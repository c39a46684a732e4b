-- SPDX-License-Identifier: MIT
-- .service: one instance of a service per node, or in the whole cluster (lua-core.md 7.2).
--
-- Every reply is a value, or nil and a text. Global ones (key "@name") live with the manager that owns
-- the global name SERVICE, on the master's node; the others ask it and keep the answer.
local skynet = require "skynet"
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

local function ask_global(what, name, ...)
	local args = table.pack(...)
	serve("@" .. key_of(name, ...), function()
		local value, why = skynet.call("SERVICE", "lua", what, name, table.unpack(args, 1, args.n))
		return value or error(why, 0)
	end)
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

function command.LIST()
	local list = {}
	for key, entry in pairs(running) do
		if type(entry) == "number" then
			list[key] = skynet.address(entry)
		elseif type(entry) == "string" then
			list[key] = "Error: " .. entry
		else
			list[key] = "Querying: " .. #entry
		end
	end
	skynet.retpack(list)
end

function command.REPORT()
	skynet.retpack(true)
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
	end
end)
