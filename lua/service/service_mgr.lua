-- SPDX-License-Identifier: MIT
-- .service: one instance of a service per node, or in the whole cluster.
--
-- Every reply is a value, or nil and a text. Of global ones (key "@name") the manager decides that
-- owns the global name SERVICE; the others ask it, and keep the answer for as long as the service
-- lives. That is the manager of the master's node, which takes the name at once. When it is lost,
-- another takes the name after GRACE, and starts what is gone again, with the arguments of its
-- first start: each manager keeps these for all (recipes).
--
-- That there is one is decided by the master: a global service owns the global name "@name", which
-- its manager registers for it. A manager that finds the name taken ends its own and gives out the
-- other; one that was cut off and hears that a name is lost ends the service that lost it.
local skynet = require "skynet"
local harbor = require "skynet.harbor"
local uniquewaits = require "skynet.uniquewaits"
require "skynet.manager"
local handover = require "skynet.handover.core"
local draining = handover.draining

-- key -> handle, or error text, or while nobody knows yet { [i] = task of who asked, asked = {
-- { source =, session =, launches = does this one launch it?, since = } }, launching = our task
-- that does, value =, why = }
local running = {}
-- who waits for the manager of the master's node: { name =, source =, since = } -> true
local abroad = {}
local RING_AFTER = 100 -- centiseconds after a wait began
local looking = false  -- soon
local standalone = skynet.getenv "standalone"

local LOOK <const> = 20        -- centiseconds between two looks at who decides
local GRACE <const> = 150      -- without one, until another node's manager does
local FIRST <const> = 1000     -- the same for who has never seen one: the master's node starts yet
local PATIENCE <const> = 2000  -- of who asks while there is none
local RECIPES_MAX <const>, RECIPE_SIZE <const> = 4096, 65536
local MOVED <const> = "another service manager decides now"
local distance = require "skynet.group.core".distance

-- What all who wait are told; `lasts`: who asks later, too.
local function settle(key, value, why, lasts)
	local entry = running[key]
	entry.value, entry.why = value, why
	running[key] = lasts and (value or why) or nil
	for _, task in ipairs(entry) do
		skynet.wakeup(task)
	end
end

-- Calls make(...), which gives a handle, or nil, a text and whether that is only so just now.
local function launch(key, make, ...)
	local ok, value, why, passing = pcall(make, ...)
	if not ok then
		value, why, passing = nil, tostring(value), nil
	end
	settle(key, value or nil, why or "the service exited while it started", not passing)
end

-- Returns the service under `key`, or nil and why not; `make(...)` creates it if nobody has. No
-- `make`: waits for somebody.
local function obtain(key, make, ...)
	local entry = running[key]
	if type(entry) == "number" then
		return entry
	elseif type(entry) == "string" then
		return nil, entry
	end
	local session, source = skynet.context()
	local first = make and not (entry and entry.launching)
	entry = entry or { asked = {} }
	running[key] = entry
	if source and source ~= 0 then -- not our own doing
		entry.asked[#entry.asked + 1] = {
			source = source, session = session, launches = first, since = skynet.now(),
		}
	end
	if not looking then
		looking = true
		skynet.timeout(RING_AFTER, function()
			looking = false
			uniquewaits.look_for_rings(running)
		end)
	end
	if first then
		entry.launching = coroutine.running()
		launch(key, make, ...)
	else
		entry[#entry + 1] = coroutine.running()
		skynet.wait()
	end
	return entry.value, entry.why
end

-- Of snaxd there is one for each snax service.
local function key_of(name, sub)
	if name == "snaxd" or name == "@snaxd" then
		return name .. "." .. tostring(sub)
	end
	return name
end

local command = {}

function command.LAUNCH(name, ...)
	local real = name:match "^@(.*)" or name
	local key = key_of(name, ...)
	if not running[key] and draining() then
		return skynet.retpack(nil, "this node drains: it starts no new unique services "
			.. "(harborctl drain)")
	end
	-- No function of this file starts it, so that an error names no line of this file.
	if real == "snaxd" then
		skynet.retpack(obtain(key, require "skynet.snax".rawnewservice, ...))
	else
		skynet.retpack(obtain(key, skynet.newservice, real, ...))
	end
end

function command.QUERY(name, sub)
	skynet.retpack(obtain(key_of(name, sub)))
end

-- ---- what all managers know of global services ----

-- The arguments of the first start: key -> { name =, packed =, ended = the last one ended while its
-- node lived, and is started again when somebody asks }
local recipes, recipe_count = {}, 0
local managers = {}   -- of other nodes, as they report to the one who decides: handle -> a token
local births = {}     -- key -> handle of what this manager started, while it lives
local watched = {}    -- key -> handle of what runs, as long as it lives
local revive          -- below

local function is_ours()
	return harbor.find "SERVICE" == skynet.self()
end

local function keep_recipe(key, recipe)
	if not recipes[key] then
		if recipe_count >= RECIPES_MAX or #recipe.packed > RECIPE_SIZE then
			return
		end
		recipe_count = recipe_count + 1
	end
	recipes[key] = recipe
end

local function tell_recipe(key)
	for manager in pairs(recipes[key] and managers or {}) do
		skynet.send(manager, "lua", "RECIPE", key, recipes[key])
	end
end

-- Whether its name is another service's by now: the state of this one is there (skynet.handover).
local function has_moved(key, handle)
	local ok, owner = pcall(harbor.find, key)
	return ok and owner ~= nil and owner ~= handle
end

-- It ended. Whoever wants it again asks again; only what went with its node is missed at once.
local function ended(key, handle)
	if births[key] == handle then
		births[key] = nil
		if recipes[key] and is_ours() and not has_moved(key, handle) then
			recipes[key].ended = true
			tell_recipe(key)
		end
	elseif is_ours() and recipes[key] and not distance(handle >> 24) then
		while harbor.find(key) == handle do
			skynet.sleep(LOOK)
		end
		revive(key)
	end
end

-- Keeps the handle under its key until it ends.
local function remember(key, handle)
	running[key] = handle
	if watched[key] == handle then
		return
	end
	watched[key] = handle
	skynet.fork(function()
		pcall(skynet.call, handle, "debug", "LINK")
		if running[key] == handle then
			running[key] = nil
		end
		if watched[key] == handle then
			watched[key] = nil
			ended(key, handle)
		end
	end)
end

-- ---- global services, in the manager that decides ----

local function newservice(name, ...)
	if name == "snaxd" then
		return pcall(require "skynet.snax".rawnewservice, ...)
	end
	return pcall(skynet.newservice, name, ...)
end

-- Who has the key as a global name, or nil; false and why: the master does not say, and nobody is
-- known.
local function owner_of(key)
	local ok, fence, handle = pcall(harbor.fence, key, true)
	if not ok then
		return harbor.find(key) or false, tostring(fence)
	end
	return fence and handle
end

-- The new service gets its name. Returns it, or who was faster, or nil and why not.
local function give_name(key, handle)
	local ok, why = pcall(harbor.register, key, handle)
	if ok then
		return handle
	end
	skynet.kill(handle)
	local winner = harbor.find(key)
	if winner and winner ~= handle then
		return winner
	end
	return nil, tostring(why)
end

-- Finds it or starts it. Returns a handle, or nil, why not, and whether to ask again may help.
local function make_global(key, name, ...)
	local named = pcall(harbor.find, key) -- some keys can be no name; then only we know of it
	if named then
		local owner, why = owner_of(key)
		if owner ~= nil then
			return owner or nil, why, true
		end
	end
	local ok, handle = newservice(name, ...)
	if not ok or not handle then
		return nil, handle and tostring(handle)
	end
	local winner, why = handle, nil
	if named then
		winner, why = give_name(key, handle)
	end
	if winner == handle then
		births[key] = handle
		if named then
			keep_recipe(key, { name = name, packed = skynet.packstring(...) })
			tell_recipe(key)
		end
	end
	return winner, why, true
end

-- The first start is what counts, as far as we know of one.
local function first_arguments(key, name, ...)
	local recipe = recipes[key]
	if recipe then
		return recipe.name, skynet.unpack(recipe.packed)
	end
	return name, ...
end

local function decide(key, ...)
	local value, why = obtain(key, make_global, key, first_arguments(key, ...))
	if value then
		remember(key, value)
	end
	return value, why
end

local function decide_query(key)
	if recipes[key] then
		return decide(key)
	end
	local value, why
	if not running[key] and pcall(harbor.find, key) then
		value = owner_of(key)
	end
	if not value then
		value, why = obtain(key)
	end
	if value then
		remember(key, value)
	end
	return value, why
end

-- It went with its node: it is started here.
function revive(key)
	local recipe = recipes[key]
	if running[key] or recipe.ended then
		return
	end
	skynet.fork(function()
		local value, why = decide(key)
		if value and births[key] == value then
			skynet.log("info", ("unique service %s went with its node: it is %s now")
				:format(key, skynet.address(value)))
		elseif not value then
			skynet.log("warning",
				("unique service %s went with its node and does not start: %s")
				:format(key, why))
			running[key] = nil
		end
	end)
end

local leader          -- the task of `lead`, below
local changed = false -- since it has looked

-- Somebody else may decide now.
local function look_who_decides()
	changed = true
	skynet.wakeup(leader)
end

-- Another manager decides now: who waits here asks that one.
local function give_way()
	look_who_decides()
	for manager in pairs(managers) do
		skynet.send(manager, "lua", "CHANGED")
	end
	for key, entry in pairs(uniquewaits.pending(running)) do
		if key:sub(1, 1) == "@" and not entry.launching then
			settle(key, nil, MOVED)
		end
	end
end

-- Of this node's own: what lost its name is one too many.
local function lose(name, winner)
	local handle = births[name]
	if name == "SERVICE" then
		give_way()
	elseif handle then
		births[name] = nil
		skynet.log("warning", ("unique service %s (%s) ends: %s has its name now")
			:format(name, skynet.address(handle), skynet.address(winner)))
		skynet.kill(handle)
	end
end

-- ---- asking ----

local leaving = { __close = function(who) abroad[who] = nil end }

local function ask_here(what, key, name, ...)
	if what == "GLAUNCH" then
		return decide(key, name, ...)
	end
	return decide_query(key)
end

-- Every request is passed on: one that waits for a name must not hold up the one that launches it.
-- Returns like the manager that decides; false: there is none just now.
local function ask_there(what, key, name, ...)
	local ok, handle, why, recipe = pcall(skynet.call, "SERVICE", "lua", what, name, ...)
	if not ok then
		return false, handle
	end
	if handle then
		remember(key, handle)
	end
	if recipe then
		keep_recipe(key, recipe)
	end
	return handle, why
end

local function ask(what, name, ...)
	local key, since, value, why = "@" .. key_of(name, ...), nil, nil, nil
	local _, source = skynet.context()
	local who <close> = setmetatable({ name = key, source = source, since = skynet.now() },
		leaving)
	repeat
		if type(running[key]) == "number" then
			return running[key]
		end
		local began = skynet.now()
		if is_ours() then
			abroad[who] = nil
			value, why = ask_here(what, key, name, ...)
		else
			abroad[who] = true
			value, why = ask_there(what, key, first_arguments(key, name, ...))
		end
		if value or (value == nil and why ~= MOVED) then
			return value, why
		end
		-- without a master nobody can begin to decide: it has name_wait to come back
		local ok, silent = pcall(harbor.fence, "SERVICE", true)
		if not ok then
			why = silent
			break
		end
		local now = skynet.now()
		if not since or now - began > PATIENCE then
			since = now
		end
		skynet.sleep(LOOK)
	until skynet.now() - since > PATIENCE
	return nil, ("no service manager decides about services of the whole cluster (SERVICE): %s")
		:format(why)
end

-- Another manager learns what to do should we be lost.
local function answer(name, sub, value, why)
	local _, source = skynet.context()
	if skynet.harbor(source) == skynet.harbor(skynet.self()) then
		skynet.retpack(value, why)
	else
		skynet.retpack(value, why, recipes["@" .. key_of(name, sub)])
	end
end

function command.GLAUNCH(name, ...)
	answer(name, (...), ask("GLAUNCH", name, ...))
end

function command.GQUERY(name, ...)
	answer(name, (...), ask("GQUERY", name, ...))
end

local function add_remote(list, manager)
	local ok, theirs = pcall(skynet.calltimeout, 100, manager, "lua", "LIST")
	if not ok then
		managers[manager] = nil
	end
	for key, value in pairs(ok and theirs or {}) do
		list[key .. "@" .. skynet.harbor(manager)] = value
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
	for key, entry in pairs(uniquewaits.pending(running)) do
		local handle = uniquewaits.started_for(entry)
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
			list[key] = uniquewaits.describe(entry)
		end
	end
	local others = {}
	for manager in pairs(managers) do
		others[#others + 1] = manager -- more may report while one is asked
	end
	for _, manager in ipairs(others) do
		add_remote(list, manager)
	end
	skynet.retpack(list)
end

-- Forgets the manager when the link to its node breaks: then it reports again.
local function watch_link(manager, token)
	harbor.link(skynet.harbor(manager))
	if managers[manager] == token then
		managers[manager] = nil
	end
end

-- A manager of another node tells of itself and of what it knows.
function command.REPORT(manager, theirs)
	if not is_ours() then
		return skynet.retpack(false) -- it looks again
	end
	local token = {}
	managers[manager] = token
	if skynet.harbor(manager) ~= skynet.harbor(skynet.self()) then
		skynet.fork(watch_link, manager, token)
	end
	skynet.retpack(true, recipes)
	for key, recipe in pairs(theirs or {}) do
		if not recipes[key] then
			keep_recipe(key, recipe)
			tell_recipe(key)
		end
		if recipes[key] then
			revive(key)
		end
	end
end

function command.RECIPE(key, recipe)
	keep_recipe(key, recipe)
end

command.CHANGED = look_who_decides

-- The name goes to a manager of a node that does not drain. Returns whether it has.
local function hand_on()
	for _, id in ipairs(handover.targets()) do
		for manager in pairs(managers) do
			if manager >> 24 == id and pcall(harbor.transfer, "SERVICE", manager) then
				skynet.log("info", ("node %d decides about unique services now")
					:format(id))
				while is_ours() do -- the master's word comes here as well
					skynet.sleep(1)
				end
				give_way()
				return true
			end
		end
	end
	return false
end

-- This node drains (.mover): another one decides about unique services, and is where they start.
-- The other managers may not have reported yet.
function command.HAND_ON()
	local deadline = skynet.now() + PATIENCE
	while is_ours() and draining() and #handover.targets() > 0 and not hand_on()
		and skynet.now() < deadline do
		skynet.sleep(LOOK)
	end
	skynet.retpack(not is_ours())
end

-- The manager that decides is told of us, and tells what it knows. false: it does not answer, or
-- does not decide any more.
local function report(master)
	if not distance(master >> 24) then
		return false -- its node is not there
	end
	local ok, decides, known = pcall(skynet.call, master, "lua", "REPORT", skynet.self(),
		recipes)
	for key, recipe in pairs(ok and known or {}) do
		keep_recipe(key, recipe)
	end
	return ok and decides
end

-- Sleeps until the link to the manager that decides breaks, or that one says that another does
-- (CHANGED); for our own, until we hear that its name is lost.
local function wait_for_change(owner)
	if owner ~= skynet.self() then
		skynet.fork(function()
			harbor.link(skynet.harbor(owner))
			look_who_decides()
		end)
	end
	if not changed then
		skynet.wait()
	end
end

-- Sees to it that somebody decides: the master's node at once, another one when nobody has done so
-- for GRACE.
local function lead()
	local known, missed, grace = nil, nil, FIRST
	leader = coroutine.running()
	while true do
		changed = false
		local owner = harbor.find "SERVICE"
		if owner then
			grace, missed = GRACE, nil
			if owner == skynet.self() then
				for key in pairs(known ~= owner and recipes or {}) do
					revive(key)
				end
			end
			if owner == skynet.self() or report(owner) then
				known = owner
				wait_for_change(owner)
			end
		else
			known = nil
			missed = missed or skynet.now()
			local patience = standalone and 0 or grace
			if draining() then
				patience = 2 * grace
			end
			if skynet.now() - missed >= patience then
				pcall(harbor.register, "SERVICE")
			end
		end
		skynet.sleep(LOOK)
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
	harbor.watch(lose)
	if standalone then
		-- taken: another node's manager did so while ours was away
		pcall(harbor.register, "SERVICE")
	end
	skynet.fork(lead)
end)
