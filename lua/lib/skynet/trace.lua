-- SPDX-License-Identifier: MIT
-- skynet.trace and its kin: log lines with a tag that follows calls (lua/host/trace.c). Required
-- when one of these fields of the skynet table is first wanted.
local skynet = require "skynet"
local core = require "skynet.trace.core"

local function set(name, f)
	if rawget(skynet, name) == nil then
		rawset(skynet, name, f)
	end
end

-- A line with a tag of anybody's; the places are those of co, or of the caller, from level on.
local function tracelog(tag, text, co, level)
	core.log(tag, text, co, co and (level or 0) or 1 + (level or 1))
end

set("tracelog", tracelog)

-- Gives the current task a new tag.
set("trace", function(info)
	skynet.error("TRACE", core.tag())
	core.log(core.new(), info and "trace " .. tostring(info) or "trace", nil, 2)
end)

-- The tag of the current task; nil, or false if it serves a protocol that is never traced.
set("tracetag", core.tag)

-- rawcall between two lines with the tag.
set("tracecall", function(tag, address, typename, msg, size)
	core.log(tag, "tracecall begin", nil, 2)
	local reply, reply_size = skynet.rawcall(address, typename, msg, size)
	core.log(tag, "tracecall end", nil, 2)
	return reply, reply_size
end)

-- true: each request of the protocol gets a tag; false: none does; nil: those that bring one.
set("traceproto", core.proto)

-- ---- where timeouts come from ----

local timers  -- session -> text; nil: off
local timeout, task, killthread = skynet.timeout, skynet.task, skynet.killthread

local function traced_timeout(ti, f)
	local session
	session = timeout(ti, function(...)
		if timers then
			timers[session] = nil
		end
		return f(...)
	end)
	timers[session] = debug.traceback(("TIMER %d+%s : "):format(skynet.now(), ti), 2)
	return session
end

local function traced_task(what)
	if type(what) == "table" then
		task(what)
		for session, text in pairs(timers) do
			what[("thread: timer session: %d"):format(session)] = text
		end
		return
	end
	return math.type(what) == "integer" and timers[what] or task(what)
end

local function traced_killthread(what)
	timers[what] = nil
	return killthread(what)
end

-- On: skynet.task tells of pending timeouts, too, and where each was set.
set("trace_timeout", function(on)
	timers = on and (timers or {}) or nil
	skynet.timeout = on and traced_timeout or timeout
	skynet.task = on and traced_task or task
	skynet.killthread = on and traced_killthread or killthread
end)
