-- SPDX-License-Identifier: MIT
-- A service that can live on another node: the fields of skynet that concern draining and moving.
-- Loaded when the first of them is asked for. What moves it is the service .mover.
local skynet = require "skynet"
local core = require "skynet.handover.core"

local WANTS_DRAIN <const>, CAN_MOVE <const>, WANTS_STOP <const> = 1, 2, 4 -- core/actor/move.h
local LIVES_MAX <const> = 16
local REASONS <const> = "the tasks that did not end in time:\n"

local handover = {}
local on_drain, on_undo, on_handover, on_leaving
local on_stop = { before = {}, now = {}, after = {} }
local lives, state = {}, nil -- earlier handles, the last one first; what the last life packed

do
	local packed = core.state()
	if packed then
		state = table.pack(skynet.unpack(packed))
		lives = table.remove(state, 1)
		state.n = state.n - 1
	end
end

-- on_drain(f): f() runs in a task of its own when this node begins to drain, or at once if it does
-- so already; undo(), if it is there, when it drains no more.
function skynet.on_drain(f, undo)
	assert(type(f) == "function", "skynet.on_drain needs a function")
	on_drain, on_undo = f, undo
	core.wants(WANTS_DRAIN)
	if core.draining() then
		skynet.fork(f)
	end
end

function handover.drain(undo)
	local f = undo and on_undo or not undo and on_drain
	if f then
		f()
	end
end

-- on_stop(f): f() runs in a task of its own when the node is asked to stop, before services are
-- ended, and the node waits until it returns. "before": gates have stopped reading; "after": all
-- others have returned. The functions of one stage are called in the order in which they came.
function skynet.on_stop(f, stage)
	assert(type(f) == "function", "skynet.on_stop needs a function")
	local list = assert(on_stop[stage or "now"], "the stages are before and after")
	list[#list + 1] = f
	core.wants(WANTS_STOP)
end

function handover.stop(stage)
	for _, f in ipairs(on_stop[stage]) do
		local ok, why = xpcall(f, debug.traceback)
		if not ok then
			skynet.error("skynet.on_stop: " .. tostring(why))
		end
	end
end

-- on_handover(f): this service can move. f(reason) returns its state, all that skynet.pack can
-- pack; skynet.handover_state() returns that in the next life.
function skynet.on_handover(f)
	assert(type(f) == "function", "skynet.on_handover needs a function")
	on_handover = f
	core.wants(CAN_MOVE)
end

-- What f of skynet.on_handover returned in the last life; nothing in a first one.
function skynet.handover_state()
	if state then
		return table.unpack(state, 1, state.n)
	end
end

-- Moves a service, by handle or name, to a node (name or harbor id), or to any that is up and does
-- not drain. Returns its new handle.
function skynet.handover(address, node)
	local new, why = skynet.call(core.mover(), "lua", "MOVE", address, node)
	return new or error("call failed: " .. why, 2)
end

local function waiting_tasks()
	local list, texts = {}, {}
	skynet.task(list)
	for key, trace in pairs(list) do
		texts[#texts + 1] = key .. "\n" .. trace
	end
	table.sort(texts)
	return REASONS .. table.concat(texts, "\n", 1, math.min(#texts, 8))
end

-- Requests that are being worked on end first. Those that nobody waits for are given up after that
-- time, the others keep the service here.
local function finish_requests(patience)
	local deadline = skynet.now() + patience
	local busy, owed = core.busy()
	while busy > 0 do
		if skynet.now() >= deadline then
			if owed > 0 then
				error(waiting_tasks(), 0)
			end
			return
		end
		skynet.sleep(1)
		busy, owed = core.busy()
	end
end

-- leaving(f): f() runs when the service is to move and takes no more requests, before those that it
-- works on have to end: it may hand on what it keeps (core.handon).
function handover.leaving(f)
	on_leaving = f
end

local function stand_still(reason, patience)
	if on_leaving then
		on_leaving()
	end
	finish_requests(patience)
	local new_lives = table.move(lives, 1, LIVES_MAX - 1, 2, { skynet.self() })
	local packed = skynet.packstring(new_lives, on_handover(reason))
	finish_requests(0)
	core.hold "all"
	return packed, new_lives
end

local moving = false

-- The state as a string, and the handles of all lives: the service stands still from then on. Or
-- nil and why it stays, which is its own business and no error.
function handover.pack(reason, patience)
	if not on_handover then
		return nil, "it cannot move: it has no skynet.on_handover"
	elseif moving then
		return nil, "it is being moved already"
	end
	moving = true
	core.hold "requests"
	local ok, packed, new_lives = pcall(stand_still, reason, patience)
	moving = false
	if not ok then
		core.thaw(skynet.self())
		return nil, tostring(packed)
	end
	return packed, new_lives
end

return handover
