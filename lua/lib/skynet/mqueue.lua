-- SPDX-License-Identifier: MIT
-- skynet.mqueue: messages that are served strictly one at a time, by their own protocol "queue" (lua-core.md 5.6). Kept for
-- old programs; skynet.queue does more.
local skynet = require "skynet"

local mqueue = {}

local handler
local waiting, first, last = {}, 1, 0  -- { response or nil, source, arguments }
local busy = false

-- Closed by every way out, so that a task that is killed does not end the queue.
local guard = setmetatable({}, { __close = function() busy = false end })

-- The answer tells whether the handler raised, so that its text reaches the caller.
local function serve()
	local serving <close> = guard
	busy = true
	while first <= last do
		local item = waiting[first]
		waiting[first] = nil
		first = first + 1
		local result = table.pack(xpcall(handler, debug.traceback, table.unpack(item, 1, item.n)))
		if item.answer then
			local ok, why = pcall(item.answer, true, table.unpack(result, 1, result.n))
			if not ok then
				item.answer(false, why) -- it cannot be packed
			end
		elseif not result[1] then
			skynet.error(result[2])
		end
	end
end

local function enqueue(session, _, ...)
	local item = table.pack(...)
	if session ~= 0 then
		item.answer = skynet.response()
	end
	last = last + 1
	waiting[last] = item
	if handler and not busy then
		serve()
	end
end

skynet.register_protocol {
	name = "queue",
	id = skynet.PTYPE_QUEUE,
	pack = skynet.pack,
	unpack = skynet.unpack,
	dispatch = enqueue,
}

-- register(f), once: f(...) serves the messages; what it gives is the answer. What came before waits for it.
function mqueue.register(f)
	assert(type(f) == "function", "mqueue.register needs a function")
	assert(not handler, "mqueue.register was called already")
	handler = f
	if first <= last then
		skynet.fork(serve)
		busy = true
	end
end

local function results(ok, ...)
	if not ok then
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
	return last - first + 1
end

return mqueue
