-- SPDX-License-Identifier: MIT
-- .service: one instance of a service per node, or in the whole cluster (lua-core.md 7.2).
--
-- Every reply is a value, or nil and a text. Global ones (key "@name") live with the manager that owns
-- the global name SERVICE, on the master's node; the others ask it and keep the answer.
local skynet = require "skynet"
local harbor = require "skynet.harbor"
require "skynet.manager"

-- key -> handle, or error text, or while nobody knows yet { [i] = response of who asked, asked = { { source =, session =,
-- launches = does this one launch it? } }, launching = our task that does }
local running = {}
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
	local session, source = skynet.context()
	local first = make and not (entry and entry.launching)
	entry = entry or { asked = {} }
	running[key] = entry
	entry.asked[#entry.asked + 1] = { source = source, session = session, launches = first }
	entry[#entry + 1] = skynet.response()
	if first then
		entry.launching = coroutine.running()
		local ok, value = pcall(make)
		if ok and value then
			settle(key, value)
		else
			settle(key, nil, tostring(value or "the service exited while it started"))
		end
	end
end

-- Of snaxd there is one for each snax service.
local function key_of(name, sub)
	if name == "snaxd" or name == "@snaxd" then
		return name .. "." .. tostring(sub)
	end
	return name
end

-- Who asked, and where its task waits now.
local function describe(source, session)
	local text = skynet.address(source)
	local ok, trace = pcall(skynet.calltimeout, 20, source, "debug", "TASK", session)
	return ok and text .. " " .. tostring(trace) or text
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

-- Several lines: where the new service stands in its start function, who launches it, who waits for it.
local function describe_pending(entry)
	local lines = {}
	if entry.launching then
		local ok, handle = pcall(skynet.call, ".launcher", "lua", "QUERY", skynet.task(entry.launching))
		if ok and handle then
			local _, trace = pcall(skynet.calltimeout, 20, handle, "debug", "TASK", "init")
			lines[1] = ("Init as %s: %s"):format(skynet.address(handle), trace)
		end
	end
	local asked = table.move(entry.asked, 1, #entry.asked, 1, {})
	for _, who in ipairs(asked) do
		lines[#lines + 1] = (who.launches and "Launching from " or "Querying: ") .. describe(who.source, who.session)
	end
	return table.concat(lines, "\n")
end

function command.LIST()
	local list, snapshot = {}, {}
	for key, entry in pairs(running) do
		snapshot[key] = entry -- describing one takes a while, in which others come
	end
	for key, entry in pairs(snapshot) do
		if type(entry) == "number" then
			list[key] = skynet.address(entry)
		elseif type(entry) == "string" then
			list[key] = "Error: " .. entry
		else
			list[key] = describe_pending(entry)
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
	local other = skynet.localname ".service"
	if other then
		skynet.error(".service is already register by " .. skynet.address(other))
		skynet.exit()
	end
	skynet.register ".service"
	if standalone then
		skynet.register "SERVICE"
	else
		skynet.fork(report)
	end
end)
