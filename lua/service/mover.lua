-- SPDX-License-Identifier: MIT
-- .mover: moves services of this node to others, takes those of others, and drains the node. It is
-- launched when it is first needed (skynet.handover.core).
--
-- A move: the service stands still and packs its state (skynet.handover); the mover of the other
-- node launches it there; then it is a forwarder here. If anything fails before, it goes on here,
-- and what was launched there, if it was, is ended by the one who launched it: he asks until he
-- knows. Global names follow when no node sends to the old handle any more.
local skynet = require "skynet"
local harbor = require "skynet.harbor"
local group = require "skynet.group"
local core = require "skynet.handover.core"
local address = require "skynet.consoleaddress"
require "skynet.manager"

local WANTS_DRAIN <const>, CAN_MOVE <const> = 1, 2 -- core/actor/move.h
local TASKS_PATIENCE <const> = 300 -- cs for the requests that a service works on
local ANSWER_PATIENCE <const> = 3000 -- cs for a start on another node
local NAMES_PATIENCE <const> = 500 -- cs
local AT_ONCE <const> = 8 -- moves of a drain
local RETRY <const> = 100 -- cs until a service is tried again
local FAILED_SHOWN <const> = 16
local ATTEMPTS_MAX <const> = 65534
local MOVED_KEPT <const> = 65536
local SWEEP <const> = 256
-- Each node that could be the master has one, which waits for the name.
local DATACENTER <const> = "datacenterd"

local moving = {}   -- handle -> true
local moved = {}    -- handle -> where it is now, for the movers that ask
local moved_order, moved_first = {}, 1
local attempts = {} -- handle -> how often it has tried
local trailing = 0  -- moved services whose names have not followed yet

local function fail(fmt, ...)
	error(fmt:format(...), 0)
end

-- In a line: whoever asked is told the rest, too.
local function log_refusal(who, why)
	skynet.error(("%s was not moved: %s"):format(who, tostring(why):match "^[^\n]*"))
end

local function self_id()
	return skynet.harbor(skynet.self())
end

-- ---- other nodes ----

local movers = {} -- harbor id -> handle

-- Why a call failed, without the place in this file, which is none of the reader's.
local function reason_of(why)
	return (tostring(why):gsub("^[^\n]-mover%.lua:%d+: ", ""):gsub("^call failed: ", ""))
end

local function mover_of(id)
	local known = movers[id]
	if known and pcall(skynet.calltimeout, ANSWER_PATIENCE, known, "debug", "PING") then
		return known
	end
	local ok, text = pcall(skynet.calltimeout, ANSWER_PATIENCE, id << 24, "text",
		("drain %d --status"):format(id))
	if not ok then
		fail("%s: %s", core.called(id), reason_of(text))
	end
	local hex = text:match '"mover":":(%x+)"' or fail("%s answers %s", core.called(id), text)
	movers[id] = tonumber(hex, 16)
	return movers[id]
end

local last_target = 0

-- The nodes that can take a service, in turn.
local function next_target(tried)
	local ids = core.targets()
	for _ = 1, #ids do
		last_target = last_target + 1
		local id = ids[last_target % #ids + 1]
		if not tried[id] then
			return id
		end
	end
end

-- ---- a service comes ----

local UNKNOWN <const> = ":%08x was moved here as :%08x; asking until it is known whether it goes on"
	.. " there: link lost"

-- Whether it is ours depends on the mover that sent it: he may not have heard that it is here.
local function confirm(handle, old, mover)
	local told = false
	while true do
		skynet.sleep(RETRY)
		local ok, answer = pcall(skynet.call, mover, "lua", "WHERE", old)
		if not ok and tostring(answer):find("link lost", 1, true) then
			-- he may be well, and the old life with him
			if not told then
				skynet.error(UNKNOWN:format(old, handle))
			end
			told = true
		elseif not ok or answer == handle then
			return -- he is gone, and so is the old life; or he knows
		elseif answer ~= "moving" then
			skynet.error((":%08x was moved here as :%08x, and goes on there")
				:format(old, handle))
			return skynet.send(".launcher", "lua", "KILL", handle)
		end
	end
end

local command = {}
local earlier = {} -- handle that came from another node -> handles of its earlier lives
local noted = 0    -- entries in `earlier` and `attempts` since the last sweep

-- What was noted of a service goes when the service has ended.
local function sweep()
	noted = noted + 1
	if noted < SWEEP then
		return
	end
	noted = 0
	for _, notes in ipairs { earlier, attempts } do
		for handle in pairs(notes) do
			if not core.line(handle) then
				notes[handle] = nil
			end
		end
	end
end

-- A service that comes back waits until nothing is on its way through what it left here.
local function await_forwarders(lives)
	local deadline = skynet.now() + NAMES_PATIENCE
	for _, old in ipairs(lives) do
		while old >> 24 == self_id() and not core.finished(old) do
			if skynet.now() >= deadline then
				fail "its last life on this node is still being followed"
			end
			skynet.sleep(1)
		end
	end
end

function command.TAKE(mover, line, state, lives, attempt, names)
	await_forwarders(table.move(lives, 2, #lives, 1, {}))
	local handle = skynet.call(".launcher", "lua", "ADOPT", line, state, lives, attempt)
	if not handle then
		fail("%s ended while it started", line)
	end
	for _, name in ipairs(names) do
		if not skynet.localname("." .. name) then
			skynet.name("." .. name, handle)
		end
	end
	skynet.fork(confirm, handle, lives[1], mover)
	earlier[handle] = lives
	sweep()
	return handle
end

function command.JOIN(_, name, handle)
	group.join(name, handle)
end

function command.WHERE(_, old)
	return moving[old] and "moving" or moved[old] or false
end

-- ---- a service goes ----

-- A membership of a group is a name as well, of its own (core/actor/group.h).
local function pass_name(name, old, new)
	local membership = name:match "^:(.+):%x+$"
	if membership then
		skynet.calltimeout(ANSWER_PATIENCE, mover_of(new >> 24), "lua", "JOIN", membership,
			new)
		group.leave(membership, old)
	else
		harbor.transfer(name, new, old)
	end
end

-- Names come last: as long as somebody may send to the old handle, they lead there as well.
local function pass_names(old, new)
	trailing = trailing + 1
	while not core.settled(old) do
		skynet.sleep(1)
	end
	local names = core.names(old)
	while #names > 0 do
		for _, name in ipairs(names) do
			local ok, why = pcall(pass_name, name, old, new)
			if not ok then
				skynet.error(("the name %s of :%08x, now :%08x: %s; trying on")
					:format(name, old, new, why))
				skynet.sleep(RETRY)
			end
		end
		skynet.sleep(2) -- the master's word comes here as well
		names = core.names(old)
	end
	core.finish(old)
	trailing = trailing - 1
end

local function remember(old, new)
	moved[old] = new
	moved_order[#moved_order + 1] = old
	if #moved_order - moved_first >= MOVED_KEPT then
		moved[moved_order[moved_first]] = nil
		moved_order[moved_first] = nil
		moved_first = moved_first + 1
	end
end

-- The names of the last life are still on their way to this one.
local function await_names(handle)
	local deadline = skynet.now() + NAMES_PATIENCE
	for _, old in ipairs(earlier[handle] or {}) do
		while #core.names(old) > 0 do
			if skynet.now() >= deadline then
				fail "its global names have not followed its last move yet"
			end
			skynet.sleep(2)
		end
	end
end

local function hand_over(handle, id, reason)
	await_names(handle)
	local line = core.line(handle) or fail "it is no Lua service of this node"
	local there = mover_of(id)
	local state, lives = skynet.call(handle, "debug", "HANDOVER", reason, TASKS_PATIENCE)
	if not state then
		error(lives, 0)
	end
	sweep()
	attempts[handle] = math.min((attempts[handle] or 0) + 1, ATTEMPTS_MAX)
	local ok, new, why = pcall(skynet.calltimeout, ANSWER_PATIENCE, there, "lua", "TAKE", line,
		state, lives, attempts[handle], core.localnames(handle))
	if not ok or not new then
		core.thaw(handle)
		fail("%s: %s", core.called(id), ok and why or reason_of(new))
	end
	core.leave(handle, new)
	remember(handle, new)
	earlier[handle], attempts[handle] = nil, nil
	skynet.send(".launcher", "lua", "REMOVE", handle, false)
	skynet.fork(pass_names, handle, new)
	if line == DATACENTER and skynet.getenv "standalone" then
		skynet.fork(skynet.newservice, line)
	end
	return new
end

local function move(handle, id, reason)
	if moving[handle] then
		fail "it is being moved already"
	elseif moved[handle] then
		return moved[handle]
	end
	moving[handle] = true
	local ok, result = pcall(hand_over, handle, id, reason)
	moving[handle] = nil
	return ok or error(result, 0), result
end

-- To the node, or to any that can.
function command.MOVE(_, who, node)
	local handle = core.now(type(who) == "number" and who or address(who))
	local id
	if handle >> 24 ~= self_id() then
		local new, why = skynet.call(mover_of(handle >> 24), "lua", "MOVE", handle, node)
		return new or error(why, 0)
	elseif node then
		id = core.node(tostring(node)) or fail("%s: no such node (harborctl nodes)", node)
	else
		id = next_target {} or fail "no node is up that could take it"
	end
	if id == self_id() then
		fail "it is on this node"
	end
	local _, new = move(handle, id, "move")
	return new
end

-- ---- draining ----

local drain = { moved = 0, failed = {}, starts = false }

local function move_away(handle)
	local tried, why = {}, "no node is up that could take it"
	local id = next_target(tried)
	while id do
		local ok, reason = pcall(move, handle, id, "drain")
		if ok then
			drain.failed[handle] = nil
			drain.moved = drain.moved + 1
			return
		end
		tried[id], why = true, reason
		id = core.draining() and next_target(tried)
	end
	local before = drain.failed[handle]
	drain.failed[handle] = { why = tostring(why), at = skynet.now() }
	if not before or before.why ~= tostring(why) then -- it is tried again each second
		log_refusal((":%08x"):format(handle), why)
	end
end

-- Services of this node that could go and have not.
local function left()
	local list, failed = {}, {}
	local alone = #core.targets() == 0 -- then the tree is lost; it keeps nobody
	for _, handle in ipairs(core.wanting(CAN_MOVE)) do
		if not moved[handle] and not (alone and core.line(handle) == DATACENTER) then
			list[#list + 1] = handle
			failed[handle] = drain.failed[handle]
		end
	end
	drain.failed = failed -- of those that have ended nothing is kept
	return list
end

-- Of these a node has its own; others do the same work, or SERVICE has been handed on.
local function is_infrastructure(name)
	return name == "SERVICE" or name:find "^MULTICAST%-%d+$"
end

-- What other nodes lose when this one stops: global names whose services cannot move.
local function staying()
	local names, handles = core.staying()
	local list = {}
	for i, name in ipairs(names) do
		if not is_infrastructure(name) then
			list[#list + 1] = ("%s :%08x %s"):format(name, handles[i],
				core.line(handles[i]) or "")
		end
	end
	table.sort(list)
	return list
end

local function is_done(list)
	return not drain.starts and #list == 0 and trailing == 0 and core.settled()
end

local running = 0

local function drain_on()
	-- who decides about unique services starts them: that is another node's work from now on
	pcall(skynet.calltimeout, NAMES_PATIENCE, ".service", "lua", "HAND_ON")
	drain.starts = false
	while core.draining() do
		core.drained(is_done(left()))
		for _, handle in ipairs(left()) do
			local failed = drain.failed[handle]
			if running >= AT_ONCE then
				break
			elseif not moving[handle]
				and not (failed and skynet.now() < failed.at + RETRY) then
				running = running + 1
				skynet.fork(function()
					move_away(handle)
					running = running - 1
				end)
				skynet.yield()
			end
		end
		skynet.sleep(2)
	end
	drain.loop = nil
end

local function tell_all(undo)
	for _, handle in ipairs(core.wanting(WANTS_DRAIN)) do
		skynet.send(handle, "debug", "DRAIN", undo)
	end
end

local function begin()
	if not core.draining(true) then
		drain.moved, drain.failed = 0, {}
		core.drained(false)
		skynet.error "this node drains: it takes nothing new and gives away what can move"
		tell_all(false)
	end
	if not drain.loop then
		drain.starts = true
		drain.loop = skynet.fork(drain_on)
	end
end

-- option: nil begins, "--undo" ends, "--status" only tells.
function command.DRAIN(_, option)
	if not option then
		begin()
	elseif option == "--undo" and core.draining(false) then
		skynet.error "this node drains no more"
		tell_all(true)
	end
	local on, list, failed = core.draining(), left(), {}
	for _, handle in ipairs(list) do
		local f = drain.failed[handle]
		if f and #failed < FAILED_SHOWN then
			failed[#failed + 1] = (":%08x: %s"):format(handle, f.why)
		end
	end
	local done = on and is_done(list)
	return {
		state = done and "drained" or on and "draining" or "serving",
		left = #list, moved = drain.moved, trailing = trailing, failed = failed,
		staying = staying(),
		mover = skynet.address(skynet.self()),
	}
end

skynet.register_protocol {
	name = "text",
	id = skynet.PTYPE_TEXT,
	pack = function(text) return text end,
	unpack = skynet.tostring,
}

-- That a service cannot move, or not to there, is no error of the mover: whoever asked gets nil
-- and why not.
local may_refuse <const> = { MOVE = true, TAKE = true }

-- In the main chunk: the first request waits in the mailbox already.
skynet.dispatch("lua", function(session, source, name, ...)
	local f = command[name] or fail("no command %s", tostring(name))
	local ok, result
	if may_refuse[name] then
		ok, result = pcall(f, source, ...)
	else
		ok, result = true, f(source, ...)
	end
	if not ok then
		if name == "MOVE" then
			local who = ...
			log_refusal(type(who) == "number" and skynet.address(who) or who, result)
		end
		skynet.retpack(nil, tostring(result))
	elseif session ~= 0 then
		skynet.retpack(result)
	end
end)

skynet.start(function() end)
