-- SPDX-License-Identifier: MIT
-- Tracing, and trace_timeout.
local skynet = require "skynet"
local core = require "skynet.core"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

-- The events of a tag in the log behind `from`, in order: a string like "call request end".
local function events(tag, from)
	local list = {}
	for at, event in tap.log():sub(from + 1):gmatch "<TRACE ([^>]+)> %d+ ([^\n]+)" do
		if at == tag then
			list[#list + 1] = event:match "^(.-) : " or event
		end
	end
	return table.concat(list, ", ")
end

local function until_events(tag, from, wanted)
	local got
	if not pcall(tap.until_true, "them", function()
		got = events(tag, from)
		return got == wanted
	end) then
		error(("got %q, wanted %q"):format(got, wanted), 2)
	end
end

-- Runs f in a new task that has a tag; gives the tag.
local function traced(f)
	local tag, done
	skynet.fork(function()
		skynet.trace()
		tag = skynet.tracetag()
		local ok, why = pcall(f)
		done = ok or why
	end)
	tap.until_true("the task", function() return done end)
	equal(done, true)
	return tag
end

tap.run {
	{ "trace gives a tag of this service and logs the previous one", function()
		local from = #tap.log()
		local tag = traced(function()
			local first = skynet.tracetag()
			assert(first:find(("^:%08x%%-%%d+$"):format(skynet.self())))
			skynet.trace "again"
			equal(tonumber(skynet.tracetag():match "%d+$"),
				tonumber(first:match "%d+$") + 1)
			tap.logged("TRACE " .. first .. "\n", from)
			tap.logged("trace again : ", from)
		end)
		tap.logged("TRACE nil\n", from)
		until_events(tag, from, "trace")
		equal(skynet.tracetag(), nil)
	end },
	{ "a line has the tag, nanoseconds, the event and up to three places", function()
		local from = #tap.log()
		local t0 = skynet.hpc()
		local tag = traced(function() end)
		local line = tap.until_true("the line", function()
			return tap.log():sub(from + 1):match("<TRACE " .. tag:gsub("%-", "%%-")
				.. "> ([^\n]*)\n")
		end)
		local ns, places = line:match "^(%d+) trace : (.*)$"
		assert(tonumber(ns) >= t0 and tonumber(ns) <= skynet.hpc())
		assert(places:find "test_trace.lua:%d+")
		local n = select(2, places:gsub("%S+:%d+", ""))
		assert(n >= 1 and n <= 3, places)
	end },
	{ "the tag goes with a call, through as many services as it takes", function()
		local a, b, from = skynet.newservice "callee", skynet.newservice "callee",
			#tap.log()
		local tag = traced(function()
			equal(select(2, skynet.call(a, "lua", "call", b, "lua", "echo", 7)), 7)
		end)
		until_events(tag, from,
			"trace, call, request, call, request, response, end, "
			.. "resume, response, end, resume, end")
	end },
	{ "not with a send", function()
		local a, from = skynet.newservice "callee", #tap.log()
		local tag = traced(function()
			skynet.send(a, "lua", "echo", 1)
			skynet.call(a, "debug", "PING")
		end)
		until_events(tag, from, "trace, call, request, response, end, resume, end")
	end },
	{ "sleep, wait and errors are events", function()
		local a, from = skynet.newservice "callee", #tap.log()
		local tag = traced(function()
			skynet.sleep(1)
			pcall(skynet.call, a, "lua", "raise", "traced")
		end)
		until_events(tag, from, "trace, sleep, resume, call, request, error, resume, end")
	end },
	{ "rawcall, request and tracecall", function()
		local a, from = skynet.newservice "callee", #tap.log()
		local tag = traced(function()
			local p, n = skynet.rawcall(a, "lua", skynet.packstring("echo", 5))
			equal(skynet.unpack(p, n), 5)
		end)
		until_events(tag, from, "trace, call, request, response, end, resume, end")
		local p, n = skynet.tracecall("mine", a, "lua", skynet.packstring("echo", 6))
		equal(skynet.unpack(p, n), 6)
		until_events("mine", from, "tracecall begin, tracecall end")
	end },
	{ "the tag is that of the next request from there, and of no later one", function()
		local a, from = skynet.newservice "callee", #tap.log()
		skynet.redirect(a, skynet.self(), "lua", 0, skynet.pack("args"))
		core.send(a, skynet.PTYPE_TRACE, 0, "handmade")
		equal(skynet.call(a, "lua", "echo", 1), 1)
		equal(skynet.call(a, "lua", "echo", 2), 2)
		until_events("handmade", from, "request, response, end")
		local longest = ("x"):rep(255) -- a longer one is none
		core.send(a, skynet.PTYPE_TRACE, 0, longest)
		equal(skynet.call(a, "lua", "echo", 3), 3)
		until_events(longest, from, "request, response, end")
		core.send(a, skynet.PTYPE_TRACE, 0, ("y"):rep(256))
		equal(skynet.call(a, "lua", "echo", 4), 4)
		core.send(a, skynet.PTYPE_TRACE, 0, "after")
		equal(skynet.call(a, "lua", "echo", 5), 5)
		until_events("after", from, "request, response, end")
		equal(tap.log():find("yyyy", from + 1, true), nil)
	end },
	{ "tags that lead nowhere, or are none, do no harm", function()
		local a = skynet.newservice "callee"
		for i = 1, 200 do
			core.redirect(a, 0x100 + i, skynet.PTYPE_TRACE, 0, "tag" .. i)
		end
		core.send(a, skynet.PTYPE_TRACE, 0, "")
		core.send(a, skynet.PTYPE_TRACE, 0, ("x"):rep(100000))
		equal(skynet.call(a, "lua", "echo", 1), 1)
		traced(function()
			raises("call to invalid address", skynet.call, 0xfffffe, "lua")
			raises("call to invalid address", skynet.call, ".nobody", "lua")
			raises("string or number", skynet.call, {}, "lua")
			raises("address 0", skynet.call, 0, "lua")
		end)
	end },
	{ "traceproto: all requests of a protocol, none, or those that bring a tag", function()
		local a, from = skynet.newservice "callee", #tap.log()
		local function tag_there(...)
			return skynet.call(a, "lua", "eval", "return require 'skynet'.tracetag()")
		end
		equal(tag_there(), nil)
		equal(skynet.call(a, "debug", "TRACELOG", true), nil)
		local own = tag_there()
		assert(own:find(("^:%08x%%-%%d+$"):format(a)), own)
		until_events(own, from, "request, response, end")
		skynet.call(a, "debug", "TRACELOG", "lua", false)
		equal(tag_there(), false)
		local tag = traced(function() equal(tag_there(), false) end)
		until_events(tag, from, "trace, call, resume, end")
		skynet.call(a, "debug", "TRACELOG", "lua")
		equal(tag_there(), nil)
		local seen
		tag = traced(function() seen = tag_there() end)
		equal(seen, tag)
		raises("not registered", skynet.traceproto, "no_such", true)
	end },
	{ "a protocol may be registered as traced", function()
		local seen
		skynet.register_protocol { name = "loud", id = 99, trace = true, pack = skynet.pack,
			unpack = skynet.unpack,
			dispatch = function() seen = skynet.tracetag() end }
		skynet.send(skynet.self(), "loud")
		tap.until_true("the request", function() return seen end)
		assert(seen:find "^:%x+%-%d+$")
	end },
	{ "tracelog and skynet.core.trace write any line", function()
		local from = #tap.log()
		skynet.tracelog("t1", "some text")
		core.trace("t2", "other text")
		local co = skynet.fork(function() skynet.wait "never" end)
		skynet.yield()
		skynet.tracelog("t3", "of another", co)
		tap.logged("<TRACE t3> ", from)
		until_events("t1", from, "some text")
		until_events("t2", from, "other text")
		until_events("t3", from, "of another")
		assert(tap.log():find("some text : [^\n]*test_trace.lua:%d+", from + 1))
		skynet.killthread(co)
	end },
	{ "trace_timeout: task tells of timeouts and where they were set", function()
		skynet.trace_timeout(true)
		local ran
		local session = skynet.timeout(1000, print)
		skynet.timeout(1, function() ran = true end)
		local list = {}
		skynet.task(list)
		local text = list[("thread: timer session: %d"):format(session)]
		assert(text:find "^TIMER %d+%+1000 : ", text)
		assert(text:find("test_trace.lua", 1, true), text)
		equal(skynet.task(session), text)
		equal(skynet.killthread(session), session)
		equal(skynet.task(session), "No session")
		tap.until_true("the other", function() return ran end)
		list = {}
		skynet.task(list)
		for key in pairs(list) do assert(not key:find "timer", key) end
		skynet.trace_timeout(false)
		session = skynet.timeout(1000, print)
		equal(skynet.task(session), "No session")
		skynet.killthread(session)
	end },
}
