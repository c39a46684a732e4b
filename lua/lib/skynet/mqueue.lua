-- SPDX-License-Identifier: MIT
-- skynet.mqueue: messages that are served strictly one at a time, by their own protocol "queue".
-- Kept for old programs; skynet.queue does more, and is what this stands on: the task of each
-- message waits for its turn.
local skynet = require "skynet"
local queue = require "skynet.queue"

local mqueue = {}

local turn = queue()
local handler      -- of mqueue.register
local waiting = 0  -- messages whose turn has not come

-- Closed when a turn comes, or when the task is killed before.
local in_line = { __close = function(self)
	if not self.over then
		self.over = true
		waiting = waiting - 1
	end
end }

-- Whether the handler raised, so that the text of its error reaches the caller; then its results.
local function serve(place, ...)
	while not handler do
		skynet.wait(in_line)
	end
	in_line.__close(place)
	return xpcall(handler, debug.traceback, ...)
end

local function answer(session, good, ...)
	if session ~= 0 then
		skynet.retpack(good, ...)
	elseif not good then
		skynet.error(...)
	end
end

skynet.register_protocol {
	name = "queue",
	id = skynet.PTYPE_QUEUE,
	pack = skynet.pack,
	unpack = skynet.unpack,
	dispatch = function(session, _, ...)
		waiting = waiting + 1
		local place <close> = setmetatable({}, in_line)
		answer(session, turn(serve, place, ...))
	end,
}

-- register(f), once: f(...) serves the messages; what it returns is the answer. What came before
-- waits for it.
function mqueue.register(f)
	assert(type(f) == "function", "mqueue.register needs a function")
	assert(not handler, "mqueue.register was called already")
	handler = f
	skynet.wakeup(in_line)
end

local function results(good, ...)
	if not good then
		error((...), 0)
	end
	return ...
end

-- Yields; raises the callee's error with its text.
function mqueue.call(addr, ...)
	return results(skynet.call(addr, "queue", ...))
end

function mqueue.send(addr, ...)
	return skynet.send(addr, "queue", ...)
end

-- How many wait; the one that is served does not count.
function mqueue.size()
	return waiting
end

return mqueue
