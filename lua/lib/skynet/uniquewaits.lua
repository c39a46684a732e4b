-- SPDX-License-Identifier: MIT
-- Who waits for which unique service and what it does meanwhile, and services that wait for each
-- other in their start functions: what the service manager (service_mgr.lua) tells people.
--
-- running: key -> handle, or error text, or while it comes up { asked = { { source =, session =,
-- launches = does this one launch it? } ... }, launching = the task that does }.
local skynet = require "skynet"

local uniquewaits = {}

-- Who asked, and where its task waits now.
local function describe(source, session)
	local text = skynet.address(source)
	local ok, trace = pcall(skynet.calltimeout, 20, source, "debug", "TASK", session)
	return ok and text .. " " .. tostring(trace) or text
end

-- Those that are not up yet, key -> entry; describing them takes a while, in which others come.
function uniquewaits.pending(running)
	local list = {}
	for key, entry in pairs(running) do
		if type(entry) == "table" then
			list[key] = entry
		end
	end
	return list
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

uniquewaits.started_for = started_for

-- Several lines: where the new service stands in its start function, who launches it, who waits for
-- it.
function uniquewaits.describe(entry)
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
local function waits(running)
	local list, handles, keys, next_key = uniquewaits.pending(running), {}, {}, {}
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

-- Logs one line for every ring, once.
function uniquewaits.look_for_rings(running)
	local told = {}
	local handles, next_key = waits(running)
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

return uniquewaits
