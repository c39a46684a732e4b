-- SPDX-License-Identifier: MIT
-- skynet.trace and its kin (lua-core.md 3.14): log lines with a tag. Ours is the minimum: the tag belongs to its task
-- and does not travel with calls. Required when one of these fields of the skynet table is first wanted.
local skynet = require "skynet"

local function set(name, f)
	if rawget(skynet, name) == nil then
		rawset(skynet, name, f)
	end
end

local tags = setmetatable({}, { __mode = "k" })
local counter = 0
local protocols = {}

local function where(co, level)
	local list = {}
	for i = level, level + 2 do
		local info = co and debug.getinfo(co, i, "Sl") or not co and debug.getinfo(i + 1, "Sl")
		if not info then
			break
		elseif info.currentline >= 0 then
			list[#list + 1] = info.short_src .. ":" .. info.currentline
		end
	end
	return table.concat(list, " ")
end

local function tracelog(tag, text, co, level)
	skynet.error(("<TRACE %s> %d %s : %s"):format(tag, skynet.hpc(), text, where(co, level or 2)))
end

set("tracelog", tracelog)

set("trace", function(info)
	local me = coroutine.running()
	skynet.error("TRACE", tags[me])
	counter = counter + 1
	tags[me] = (":%08x-%d"):format(skynet.self(), counter)
	tracelog(tags[me], info and "trace " .. info or "trace", nil, 3)
end)

set("tracetag", function()
	return tags[coroutine.running()]
end)

set("tracecall", function(tag, address, typename, msg, size)
	tracelog(tag, "tracecall begin", nil, 3)
	local reply, reply_size = skynet.rawcall(address, typename, msg, size)
	tracelog(tag, "tracecall end", nil, 3)
	return reply, reply_size
end)

set("traceproto", function(typename, flag)
	protocols[typename] = flag
end)

-- Timers keep no traceback of where they were armed.
set("trace_timeout", function() end)
