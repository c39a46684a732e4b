-- SPDX-License-Identifier: MIT
-- The Lua side of daemon/admin: commands of harborctl that are easier in Lua. The node launches
-- this service with the first of them and sends it each request as a text, the line that harborctl
-- wrote: words between single blanks, with %XX for what a word cannot hold. The answer is a text
-- too: "+" and a JSON object, or "-" and { "error": why }.
local skynet = require "skynet"
require "skynet.manager"
local core = require "skynet.core"
local harbor = require "skynet.harbor"
local federation = require "skynet.cluster.federation"
local json = require "skynet.consolejson"
local mover = require "skynet.handover.core"
local object, array = json.object, json.array

local PATIENCE <const> = 300 -- cs; the asker waits for five seconds
-- longer than the asker: a call ends some time, and it is he who says "in time"
local CALL_PATIENCE <const> = 600

-- ---- commands: each returns an object, or raises why not ----

local function fail(fmt, ...)
	error(fmt:format(...), 0)
end

local handle_of = require "skynet.consoleaddress"

local function address(text)
	local known, handle = pcall(handle_of, text)
	return known and handle or fail("%s: %s", text, handle)
end

-- Where in our own files an error was raised tells a person nothing; where in a program's does.
local OWN <const> = { "%S*/lib/skynet%.lua:%d+: ", "%S*/lib/skynet/[%w_/]+%.lua:%d+: " }
for _, service in ipairs { "harboradmin", "mover", "launcher", "service_mgr", "clusterd" } do
	OWN[#OWN + 1] = "%S*/service/" .. service .. "%.lua:%d+: "
end

local function without(text, parts)
	for _, part in ipairs(parts) do
		text = text:gsub(part, "")
	end
	return text
end

-- The reason itself, without our own places in it and those who passed it on.
local PASSED_ON <const> = { "call failed: error in callee: ", "^call failed: " }
local function plain(why)
	return without(without(tostring(why), OWN), PASSED_ON)
end

local function plainly(f, ...)
	local result = table.pack(pcall(f, ...))
	if not result[1] then
		error(plain(result[2]), 0)
	end
	return table.unpack(result, 2, result.n)
end

-- Another node carries a command out, and tells itself what came of it.
local function at_node(id, line, within)
	local ok, answer = pcall(skynet.calltimeout, within, id << 24, "text", line)
	if not ok then
		fail("%s: %s", mover.called(id), plain(answer))
	end
	return answer
end

local function patience(seconds)
	local n = tonumber(seconds or PATIENCE / 100)
	if not n or n <= 0 or n > PATIENCE / 100 then
		fail("%s: seconds to wait, more than 0 and at most %d", seconds, PATIENCE // 100)
	end
	return math.max(1, n * 100 // 1 | 0)
end

local function launcher(...)
	return skynet.call(".launcher", "lua", ...)
end

-- Calls by the debug protocol, and not for ever.
local function ask(handle, ...)
	return skynet.calltimeout(PATIENCE, handle, "debug", ...)
end

-- A link from the gateway to another cluster, or a connection that came from there.
local function link_row(gateway, outward, l)
	local up = not outward or l.up
	return object("gateway", gateway, "way", outward and "to" or "from",
		"cluster", l.cluster or "?", "state", up and "up" or "down",
		"there", l.gateway, "place", l.place, "state_seconds", l.seconds,
		"calls", l.calls or l.requests, "sends", l.sends, "errors", l.errors,
		"refused", l.refused, "strays", l.strays, "losses", l.losses,
		"calls_waiting", l.waiting, "queued_bytes", l.queued,
		"why", not up and l.why or nil)
end

local function sorted(t)
	local keys = {}
	for key in pairs(t) do
		keys[#keys + 1] = key
	end
	table.sort(keys)
	return keys
end

-- An object of what nodes said, and the list of those who gave no answer, if there are any, as
-- harborctl tells it; missing: harbor id -> why.
local function some(missing, ...)
	local rows = {}
	for i, id in ipairs(sorted(missing)) do
		local called, why = mover.called(id), missing[id]
		if why:sub(1, #called + 2) == called .. ": " then
			why = why:sub(#called + 3)
		end
		rows[i] = object("node", called:match "^node (.*) %(harbor %d+%)$" or "?",
			"harbor", id, "error", why)
	end
	if #rows == 0 then
		return object(...)
	end
	local fields = table.pack(...)
	table.move({ "unanswered", array(rows) }, 1, 2, fields.n + 1, fields)
	return object(table.unpack(fields, 1, fields.n + 2))
end

local command = {}

-- Who waits for the start of a unique service.
local function list_waiting(list)
	local rows = {}
	for i, row in ipairs(skynet.calltimeout(PATIENCE, ".service", "lua", "WAITING")) do
		local from = skynet.address(row.source)
		rows[i] = object("handle", from, "service", list[from] or "", "waits_for", row.name,
			"starts_as", row.starts and skynet.address(row.starts) or nil,
			"waiting_seconds", row.seconds)
	end
	return object("waiting", array(rows))
end

function command.list(option)
	local list, rows = launcher "LIST", {}
	if option == "--waiting" then
		return list_waiting(list)
	elseif option then
		fail("list takes no argument but --waiting")
	end
	for i, handle in ipairs(sorted(list)) do
		rows[i] = object("handle", handle, "service", list[handle])
	end
	return object("services", array(rows))
end

-- A name that goes to a handle which no service has is nobody's at once: of a typing error only its
-- callers would hear. A node that does not say is no obstacle.
local function need_service(handle)
	local ok, answer = pcall(at_node, handle >> 24, "why " .. skynet.address(handle), PATIENCE)
	if ok and answer:find '^%-{"error":"no such service"' then
		fail("%s: no such service; the name stays where it is", skynet.address(handle))
	end
end

-- A global name goes from its owner, whoever that is, to another service, or to nobody.
function command.names(option, name, heir)
	if option == "--transfer" and heir then
		local to = address(heir)
		need_service(to)
		local _, fence = plainly(harbor.transfer, name, to, 0)
		return object("name", name, "handle", skynet.address(to), "fence", fence)
	elseif option == "--release" and name and not heir then
		plainly(harbor.release, name, 0)
		return object("name", name)
	end
	fail "names takes --waiting, --transfer NAME HANDLE or --release NAME"
end

-- The load of one service, or of all: asked for seconds (a number) at most.
function command.stat(which)
	local known, one = true, nil
	if which and not tonumber(which) then
		known, one = pcall(address, which)
	end
	if not known then
		fail("%s: neither seconds to wait nor an address", which)
	end
	local list, rows = launcher "LIST", {}
	local stat = one and { [skynet.address(one)] = ask(one, "STAT") }
		or launcher("STAT", patience(which))
	for i, handle in ipairs(sorted(stat)) do
		local s = stat[handle]
		local state = type(s) == "table" and "ok" or s:lower()
		s = type(s) == "table" and s or {}
		rows[i] = object("handle", handle, "tasks", s.task,
			"mailbox_messages", s.mqlen, "messages", s.message, "cpu_seconds", s.cpu,
			"state", state, "service", list[handle] or "")
	end
	return object("services", array(rows))
end

function command.mem(seconds)
	local mem, rows = launcher("MEM", patience(seconds)), {}
	local shared = launcher("SHARED", patience(seconds))
	for handle, text in pairs(mem) do
		local kib, service = text:match "^([%d.]+) Kb %((.*)%)$"
		local state = kib and "ok"
		if not kib then
			state, service = text:match "^(%u+) %((.*)%)$"
			state = state:lower()
		end
		local held = type(shared[handle]) == "table" and shared[handle] or {}
		rows[#rows + 1] = object("handle", handle,
			"memory_bytes", kib and kib * 1024 // 1 | 0, "state", state,
			"shared_bytes", held.bytes, "old_versions", held.old,
			"old_bytes", held.old_bytes, "service", service)
	end
	table.sort(rows, function(a, b)
		local x, y = a[4] or -1, b[4] or -1
		if x ~= y then
			return x > y
		end
		return a[2] < b[2]
	end)
	return object("services", array(rows))
end

-- What each gateway of this cluster says of itself; one that does not answer is a row, too.
function command.clusters()
	local rows, missing = {}, {}
	for _, gateway in ipairs(federation.gateways()) do
		local ok, state = pcall(skynet.calltimeout, PATIENCE, gateway, "lua", "status")
		for _, way in ipairs(ok and { "links", "connections" } or {}) do
			for _, l in ipairs(state[way]) do
				rows[#rows + 1] = link_row(state.node, way == "links", l)
			end
		end
		if not ok then
			rows[#rows + 1] = object("gateway", skynet.address(gateway),
				"state", "silent", "why", plain(state))
			missing[gateway >> 24] = plain(state)
		end
	end
	return some(missing, "clusters", array(rows))
end

-- What is an integer as a whole is sent as one; any other word is a string.
local function number_or_text(word)
	local number = word:find "^-?%d+$" and tonumber(word)
	return math.type(number) == "integer" and number or word
end

-- With --json-args each word is a JSON value: 1.5, true, null, "text", [1, 2], {"a": 1}.
local function json_value(word)
	local good, value = pcall(json.value, word)
	if not good then
		fail("--json-args: %s is no JSON value (a text needs its quotes: '\"%s\"')",
			word, word)
	end
	return value
end

-- Arguments from words; option: what stood before the address, if anything did.
local function typed(option, ...)
	local read = option and json_value or number_or_text
	local words = table.pack(...)
	for i = 1, words.n do
		words[i] = read(words[i])
	end
	return table.unpack(words, 1, words.n)
end

-- A program may wait for a global name to come; a person has most likely mistyped it.
local function is_known(who)
	if who:find "^[:.]" then
		return true
	end
	local valid, handle = pcall(harbor.find, who)
	return valid and handle
end

local function call(option, who, what, ...)
	if not is_known(who) then
		fail "no such service"
	end
	what = option and what or number_or_text(what)
	local values = table.pack(pcall(skynet.calltimeout, CALL_PATIENCE, who, "lua", what,
		typed(option, ...)))
	if values[1] then
		return object("values", array(table.pack(table.unpack(values, 2, values.n))))
	elseif values[2]:find "^call to invalid address" then
		fail "no such service"
	elseif not values[2]:find "^call failed" then
		fail "the answer is not in the lua protocol"
	end
	error(values[2], 0)
end

function command.call(who, ...)
	if who ~= "--json-args" then
		return call(nil, who, ...)
	elseif select("#", ...) < 2 then
		fail "call --json-args takes an address and a command"
	end
	return call(who, ...)
end

-- Is the service of this node, if it is one of it, alive?
local function is_alive(handle)
	return handle >> 24 ~= skynet.harbor(skynet.self())
		or require "skynet.memory".info()[handle] ~= nil
end

local function send(option, who, kind, ...)
	local found, handle = pcall(address, who)
	if not found or not is_alive(handle) then
		fail "no such service"
	elseif kind == "text" then
		skynet.send(who, "text", table.concat({ ... }, " "))
	elseif kind == "lua" then
		skynet.send(who, "lua", typed(option, ...))
	else
		fail("%s: messages are sent as lua or as text", kind)
	end
	return object("sent", who)
end

function command.send(who, ...)
	if who ~= "--json-args" then
		return send(nil, who, ...)
	elseif select("#", ...) < 2 then
		fail "send --json-args takes an address and a type"
	end
	return send(who, ...)
end

-- Without these a node is no node any more, or forgets what it owes its programs.
local SYSTEM <const> = {}
for name in ([[launcher cdummy cslave cmaster datacenterd service_mgr mover harboradmin harborweb
	federationd multicastd clusterd sharedatad ltls_holder]]):gmatch "%S+" do
	SYSTEM[name] = true
end

-- What it was started with, and whether it is one of the node's own. Index 1 to 3 are the logger,
-- the bootstrap service and .daemon.
local function describe(handle)
	local started = launcher "LIST"[skynet.address(handle)] or ""
	local name = started:match "^snlua (%S+)" or ""
	return started, handle & 0xffffff <= 3 or SYSTEM[name]
		or handle == skynet.localname ".launcher"
end

-- As skynet.kill: at once, its callers get errors, a loop in it is broken.
function command.kill(who, option)
	local handle = address(who)
	local harbor_id = handle >> 24
	if option and option ~= "--force" then
		fail("%s: kill takes --force", option)
	elseif harbor_id ~= skynet.harbor(skynet.self()) then
		local line = ("kill :%08x %s"):format(handle, option or "")
		return at_node(harbor_id, (line:gsub(" $", "")), PATIENCE)
	elseif not is_alive(handle) then
		fail("no such service: %s", who)
	end
	local started, system = describe(handle)
	if system and not option then
		fail("%s is a service of the node itself (%s): --force kills it all the same", who,
			started ~= "" and started or skynet.address(handle))
	end
	skynet.kill(handle)
	return object("killed", who, "handle", skynet.address(handle), "service", started)
end

-- The stack of what a service of this node runs just now; it cannot answer meanwhile. nil: it runs
-- nothing.
local function running(handle)
	if not core.askstack(handle) then
		return nil
	end
	for _ = 1, 20 do
		skynet.sleep(1)
		local stack = core.stack(handle)
		if stack then
			return stack
		end
	end
end

local BUSY <const> = 30 -- cs that a service may take before it counts as busy

function command.task(who, session)
	local handle, rows = address(who), {}
	local idle, why = pcall(skynet.calltimeout, BUSY, handle, "debug", "PING")
	if not idle then
		local stack = running(handle)
		if stack then
			return object("tasks",
				{ object("session", 0, "thread", "running", "stack", stack) })
		elseif not why:find "timeout" then
			error(why, 0)
		end
	end
	if session then
		local number = math.tointeger(tonumber(session))
			or fail("%s: not a session", session)
		local trace = ask(handle, "TASK", number)
		if trace == "No session" then
			fail("no task waits with session %d", number)
		end
		return object("tasks", { object("session", number, "stack", trace) })
	end
	for key, trace in pairs(ask(handle, "TASK")) do
		local thread, number = key:match "^thread: (%S+) session: (%d+)$"
		rows[#rows + 1] = object("session", math.tointeger(number) or 0,
			"thread", thread or key, "stack", trace)
	end
	table.sort(rows, function(a, b)
		if a[2] ~= b[2] then
			return a[2] < b[2]
		end
		return a[4] < b[4]
	end)
	return object("tasks", array(rows))
end

function command.inject(who, name, source, ...)
	local ok, output = skynet.call(address(who), "debug", "RUN", source, name, ...)
	if not ok then
		error(output, 0)
	end
	return object("output", output)
end

local function on_off(word)
	if word ~= "on" and word ~= "off" then
		fail("%s: on or off", word)
	end
	return word == "on"
end

function command.log(who, word)
	local handle, on = address(who), on_off(word)
	local folder = skynet.getenv "logpath"
		or fail "there is no folder for message logs: env.logpath is not set"
	if not require "skynet.memory".info()[handle] then
		fail("no such service on this node: %s", skynet.address(handle))
	end
	core.command(on and "LOGON" or "LOGOFF", skynet.address(handle))
	return object("handle", skynet.address(handle), "log", on,
		"file", ("%s/%08x.log"):format(folder, handle))
end

-- ---- requests as trees ----

local TRACES_MAX <const> = 20
local LOOK <const> = 5 -- cs
local NEXT_LOOKS <const> = 50

local function here()
	return skynet.harbor(skynet.self())
end

-- What this node knows of a trace, for another one: lines without blanks that need an escape.
function command.trace_records(tag)
	return object("records", table.concat(require "skynet.trace.core".records(tag), ";"))
end

-- The records of a tag on one node, as tables; one that does not answer is noted in `missing`, by
-- its id, and has none.
local function records_of(id, tag, missing)
	local tree, rows = require "skynet.tracetree", {}
	if id == here() then
		rows = require "skynet.trace.core".records(tag)
	elseif not missing[id] then
		local ok, text = pcall(at_node, id, "trace_records " .. tag, LOOK * 20)
		missing[id] = not ok and text or nil
		for line in (ok and text:match '^%+{"records":"(.-)"}' or ""):gmatch "[^;]+" do
			rows[#rows + 1] = line
		end
	end
	for i, line in ipairs(rows) do
		rows[i] = tree.parse(line)
	end
	return rows
end

-- The tree of a trace, over all nodes that it came to.
local function tree_of(tag, missing)
	local tree = require "skynet.tracetree"
	local records, asked = records_of(here(), tag), { [here()] = true }
	local span, n = tree.build(records)
	while span do
		local more = false
		for id in pairs(tree.missing(span)) do
			if not asked[id] then
				asked[id], more = true, true
				local found = records_of(id, tag, missing)
				table.move(found, 1, #found, #records + 1, records)
			end
		end
		if not more then
			break
		end
		span, n = tree.build(records)
	end
	return span, n
end

-- The newest traces that began in the service, the oldest of them first.
local function traces_of(handle, max)
	local tags, known = {}, {}
	local mark = (":%08x-"):format(handle)
	for _, line in ipairs(require "skynet.trace.core".records()) do
		local tag = line:match "^%S+"
		if tag:gsub("^~", ""):sub(1, #mark) == mark and not known[tag] then
			known[tag] = true
			tags[#tags + 1] = tag
		end
	end
	return table.move(tags, math.max(1, #tags - max + 1), #tags, 1, {})
end

local function trace_rows(handle, max)
	local rows, names, missing = {}, launcher "LIST", {}
	local function name(h)
		local text = skynet.address(h)
		return names[text] and text .. " " .. names[text]:gsub("^snlua ", "") or text
	end
	for _, tag in ipairs(traces_of(handle, max)) do
		local span, n = tree_of(tag, missing)
		if span then
			rows[#rows + 1] = object("trace", tag, "command", span.command, "spans", n,
				"duration_seconds", span.seconds, "own_seconds", span.own,
				"called_seconds", span.called, "slept_seconds", span.slept,
				"done", span.seconds ~= nil,
				"tree", require "skynet.tracetree".text(span, name))
		end
	end
	return some(missing, "traces", array(rows))
end

local function all_done(handle, max, n)
	local done = 0
	for _, tag in ipairs(traces_of(handle, max)) do
		for _, e in ipairs(records_of(here(), tag)) do
			if e.handle == handle and (e.event == "e" or e.event == "x") then
				done = done + 1
			end
		end
	end
	return done >= n
end

-- --next: the next N requests are traced, and shown when they are done, or what there is of them
-- after a while; --last shows what is known.
local function trace_tree(who, option, count)
	local handle, n = address(who), math.tointeger(tonumber(count or 1))
	if not n or n < 1 or n > TRACES_MAX then
		fail("%s: 1 to %d requests", count, TRACES_MAX)
	end
	if handle >> 24 ~= here() and handle >> 24 ~= 0 then
		return at_node(handle >> 24, ("trace :%08x %s %d"):format(handle, option, n),
			CALL_PATIENCE)
	end
	if option == "--last" then
		return trace_rows(handle, n)
	end
	local before = #traces_of(handle, 1 << 16)
	ask(handle, "TRACENEXT", n)
	for _ = 1, NEXT_LOOKS do
		local began = #traces_of(handle, 1 << 16) - before
		if began >= n and all_done(handle, n, n) then
			break
		end
		skynet.sleep(LOOK)
	end
	local began = #traces_of(handle, 1 << 16) - before
	return began > 0 and trace_rows(handle, math.min(n, began))
		or fail("no request has come yet; when some have: trace %s --last %d", who, n)
end

function command.trace(who, protocol, word)
	if protocol == "--next" or protocol == "--last" then
		return trace_tree(who, protocol, word)
	end
	local handle = address(who)
	if not word then
		protocol, word = "lua", protocol
	end
	local on
	if word ~= "default" then
		on = on_off(word)
	end
	ask(handle, "TRACELOG", protocol, on)
	return object("handle", skynet.address(handle), "protocol", protocol, "trace", word)
end

-- ---- draining and moving ----

-- What this node's mover says of its drain. NODE may be another one: its own harboradmin tells.
function command.drain(node, option)
	local id = mover.node(node) or fail("%s: no such node (harborctl nodes)", node)
	if id ~= skynet.harbor(skynet.self()) then
		local line = ("drain %d %s"):format(id, option or "")
		return at_node(id, (line:gsub(" $", "")), PATIENCE)
	elseif option and option ~= "--undo" and option ~= "--status" then
		fail("%s: drain takes --undo, --status or --wait [SECONDS]", option)
	end
	local d = skynet.calltimeout(PATIENCE, mover.mover(), "lua", "DRAIN", option)
	for i, why in ipairs(d.failed) do
		d.failed[i] = plain(why)
	end
	for i, who in ipairs(d.staying) do
		d.staying[i] = plain(who)
	end
	return object("node", skynet.getenv "nodename" or node, "state", d.state,
		"services_left", d.left, "services_moved", d.moved,
		"services_trailing", d.trailing, "failed", array(d.failed),
		"names_staying", array(d.staying), "mover", d.mover)
end

function command.move(who, node)
	if not is_known(who) then
		fail "no such service"
	end
	local to, why = plainly(skynet.calltimeout, CALL_PATIENCE, mover.mover(), "lua", "MOVE",
		who, node)
	if not to then
		error(plain(why), 0)
	end
	return object("moved", who, "handle", skynet.address(to))
end

local WANTS_STOP <const> = 4 -- core/actor/move.h

-- Asks all of them at once, and waits for all.
local function stop_stage(list, stage)
	local left, done = #list, {}
	for _, handle in ipairs(list) do
		skynet.fork(function()
			local ok, why = pcall(skynet.call, handle, "debug", "STOP", stage)
			if not ok then
				skynet.error(skynet.address(handle), "before the stop:", plain(why))
			end
			left = left - 1
			if left == 0 then
				skynet.wakeup(done)
			end
		end)
	end
	if left > 0 then
		skynet.wait(done)
	end
end

-- Not a command of harborctl: the node asks before it ends its services. Answers when all who want
-- to know have done what they do then (skynet.on_stop).
function command.before_stop()
	local list = mover.wanting(WANTS_STOP)
	for _, stage in ipairs { "before", "now", "after" } do
		stop_stage(list, stage)
	end
	return object("services", #list)
end

-- ---- requests ----

local byte_of = setmetatable({}, { __index = function(bytes, hex)
	bytes[hex] = string.char(tonumber(hex, 16))
	return bytes[hex]
end })

local function words_of(line)
	local words = {}
	for word in (line .. " "):gmatch "([^ ]*) " do
		words[#words + 1] = word:gsub("%%(%x%x)", byte_of)
	end
	return words
end

local function answer(line)
	local words = words_of(line)
	local f = command[words[1]:gsub("-", "_")] or fail "unknown command"
	local result = f(table.unpack(words, 2))
	return type(result) == "string" and result or "+" .. json.text(result)
end

-- In the main chunk: the first request waits in the mailbox already.
skynet.register_protocol {
	name = "text",
	id = skynet.PTYPE_TEXT,
	pack = function(text) return text end,
	unpack = skynet.tostring,
	dispatch = function(_, _, line)
		local ok, text = pcall(answer, line)
		skynet.ret(ok and text or "-"
			.. json.text(object("error", without(tostring(text), OWN))))
	end,
}

skynet.start(function() end)
