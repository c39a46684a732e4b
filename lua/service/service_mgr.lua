-- SPDX-License-Identifier: MIT
-- .service: one instance of a service per node, or in the whole cluster.
--
-- Every reply is a value, or nil and a text. Global ones (key "@name") live with the manager that
-- owns the global name SERVICE, on the master's node; the others ask it and keep the answer.
local skynet = require "skynet"
local harbor = require "skynet.harbor"
require "skynet.manager"

-- key -> handle, or error text, or while nobody knows yet { [i] = response of who asked, asked = {
-- { source =, session =, launches = does this one launch it?, since = } }, launching = our task
-- that does }
local running = {}
-- who waits for the manager of the master's node: { name =, source =, since = } -> true
local abroad = {}
local look_for_rings   -- below
local RING_AFTER = 100 -- centiseconds after a wait began
local looking = false  -- soon
local standalone = skynet.getenv "standalone"

local function settle(key, value, why)
	local waiting = running[key]
	running[key] = value or why
	for _, answer in ipairs(waiting) do
		answer(true, value, why)
	end
end

-- Answers with the service under `key`; `make(...)` creates it if nobody has. No `make`: waits for
-- somebody.
local function serve(key, make, ...)
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
	entry.asked[#entry.asked + 1] =
		{ source = source, session = session, launches = first, since = skynet.now() }
	entry[#entry + 1] = skynet.response()
	if not looking then
		looking = true
		skynet.timeout(RING_AFTER, look_for_rings)
	end
	if first then
		entry.launching = coroutine.running()
		local ok, value = pcall(make, ...)
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
	local real = name:match "^@(.*)" or name
	local key = key_of(name, ...)
	-- No function of this file starts it, so that an error names no line of this file.
	if real == "snaxd" then
		serve(key, require "skynet.snax".rawnewservice, ...)
	else
		serve(key, skynet.newservice, real, ...)
	end
end

function command.QUERY(name, sub)
	serve(key_of(name, sub))
end

local leaving = { __close = function(who) abroad[who] = nil end }

-- Every request is passed on: one that waits for a name must not hold up the one that launches it.
-- Only what lives is kept, for as long as it does: a restarted master has other services.
local function ask_global(what, name, ...)
	local key = "@" .. key_of(name, ...)
	if running[key] then
		return skynet.retpack(running[key])
	end
	local _, source = skynet.context()
	local who <close> = setmetatable({ name = key, source = source, since = skynet.now() },
		leaving)
	abroad[who] = true
	local ok, handle, why = pcall(skynet.call, "SERVICE", "lua", what, name, ...)
	if not ok then
		return skynet.retpack(nil,
			("the service manager of the master's node (SERVICE) did not answer: %s")
				:format(handle))
	end
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

-- The service that is being started for the entry; nil: nobody starts it, or it is not there yet.
local function started_for(entry)
	local ok, handle
	if entry.launching then
		ok, handle = pcall(skynet.call, ".launcher", "lua", "QUERY",
			skynet.task(entry.launching))
	end
	return ok and handle or nil
end

-- Several lines: where the new service stands in its start function, who launches it, who waits for
-- it.
local function describe_pending(entry)
	local lines = {}
	local handle = started_for(entry)
	if handle then
		local _, trace = pcall(skynet.calltimeout, 20, handle, "debug", "TASK", "init")
		lines[1] = ("Init as %s: %s"):format(skynet.address(handle), trace)
	end
	local asked = table.move(entry.asked, 1, #entry.asked, 1, {})
	for _, who in ipairs(asked) do
		lines[#lines + 1] = (who.launches and "Launching from " or "Querying: ")
			.. describe(who.source, who.session)
	end
	return table.concat(lines, "\n")
end

-- ---- services that wait for each other ----

-- Those that are not up yet: key -> entry; describing them takes a while, in which others come.
local function pending()
	local list = {}
	for key, entry in pairs(running) do
		if type(entry) == "table" then
			list[key] = entry
		end
	end
	return list
end

-- Whether the start function of the service waits in that session, not another task of it.
local function holds_start(handle, session)
	local function trace(what)
		local ok, text = pcall(skynet.calltimeout, 20, handle, "debug", "TASK", what)
		return ok and text or nil
	end
	local text = trace "init"
	return text ~= nil and text == trace(session)
end

-- key -> handle of the service that starts under it, and key -> key that its start function waits
-- for.
local function waits()
	local list, handles, keys, next_key = pending(), {}, {}, {}
	for key, entry in pairs(list) do
		handles[key] = started_for(entry)
		if handles[key] then
			keys[handles[key]] = key
		end
	end
	for key, entry in pairs(list) do
		for _, who in ipairs(table.move(entry.asked, 1, #entry.asked, 1, {})) do
			local from = keys[who.source]
			if from and holds_start(who.source, who.session) then
				next_key[from] = key
			end
		end
	end
	return handles, next_key
end

-- The ring that begins and ends with the key, as a text; nil: there is none.
local function ring_of(key, handles, next_key)
	local words, seen, at = {}, {}, key
	repeat
		seen[at] = true
		words[#words + 1] = ("%s (%s)"):format(at, skynet.address(handles[at]))
		at = next_key[at]
	until not at or seen[at]
	return at == key and table.concat(words, " waits for ") .. " waits for " .. key or nil, seen
end

-- One line for every ring, once.
function look_for_rings()
	looking = false
	local told = {}
	local handles, next_key = waits()
	for key in pairs(handles) do
		local ring, members = ring_of(key, handles, next_key)
		if ring and not told[key] and type(running[key]) == "table"
			and not running[key].told then
			skynet.log("warning",
				"unique services wait for each other while they start, for ever: "
				.. ring)
			for member in pairs(members) do
				told[member] = true
				if type(running[member]) == "table" then
					running[member].told = true
				end
			end
		end
	end
end

-- Who waits for what: { { name =, source =, starts = handle of the service that comes up, seconds =
-- } ... }
function command.WAITING()
	local rows, now = {}, skynet.now()
	local function row(name, who, handle)
		rows[#rows + 1] = {
			name = name, source = who.source, starts = handle,
			seconds = (now - who.since) // 100,
		}
	end
	for key, entry in pairs(pending()) do
		local handle = started_for(entry)
		for _, who in ipairs(entry.asked) do
			row(key, who, handle)
		end
	end
	for who in pairs(abroad) do
		row(who.name, who)
	end
	table.sort(rows, function(a, b)
		if a.name ~= b.name then
			return a.name < b.name
		end
		return a.source < b.source
	end)
	skynet.retpack(rows)
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
