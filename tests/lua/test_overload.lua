-- SPDX-License-Identifier: MIT
-- The bound of a mailbox, and what is said of a long one. This file is the service that is flooded,
-- too.
local skynet = require "skynet"

local mode = ...

if mode == "flooded" then
	local seen = 0
	local command = {}

	function command.bound(...)
		return skynet.mailbox(...)
	end

	-- Keeps the mailbox from being read until the file is there; then n more messages may be in
	-- it.
	function command.hold(file)
		skynet.ret()
		while true do
			local f = io.open(file)
			if f then
				f:close()
				break
			end
		end
	end

	function command.seen()
		return seen
	end

	local heard, last = 0, nil

	function command.listen(channel)
		local c = require "skynet.multicast".new {
			channel = channel,
			dispatch = function(_, _, text)
				heard = heard + 1
				last = text
			end,
		}
		c:subscribe()
		return true
	end

	function command.heard()
		return heard, last
	end

	function command.ask(target)
		return skynet.call(target, "lua", "pong", ("x"):rep(100))
	end

	skynet.start(function()
		skynet.dispatch("lua", function(session, _, name, ...)
			if name == "hold" then
				command.hold(...)
			elseif session ~= 0 then
				skynet.retpack(command[name](...))
			else
				seen = seen + 1
			end
		end)
	end)
	return
end

local tap = require "tap"
local equal = tap.equal
local number = 0

-- A service whose mailbox is not read; release() lets it go on.
local function held()
	local s = skynet.newservice("test_overload", "flooded")
	number = number + 1
	local gate = ("%s/gate.%d"):format(skynet.getenv "logpath", number)
	return s, gate, function()
		assert(io.open(gate, "w")):close()
	end
end

tap.run {
	{ "a mailbox has no bound unless it is asked for", function()
		local s = skynet.newservice("test_overload", "flooded")
		equal(skynet.call(s, "lua", "bound"), 0)
		equal(select("#", skynet.mailbox()), 3)
		equal((skynet.mailbox()), 0)
		tap.raises("bad argument", skynet.mailbox, -1)
		tap.raises("not a number of messages", skynet.mailbox, 0x80000000)
		equal((skynet.mailbox(0x7fffffff)), 0x7fffffff)
		skynet.mailbox(0)
		tap.raises("bad argument", skynet.mailbox, 5, "drop")
		skynet.kill(s)
	end },

	{ "a full mailbox refuses: a send gives false, a call fails, both are counted, and later "
		.. "all is as before", function()
		local s, gate, release = held()
		equal(skynet.call(s, "lua", "bound", 10), 10)
		skynet.call(s, "lua", "hold", gate)
		local sent = 0
		while skynet.send(s, "lua", "news") do
			sent = sent + 1
			assert(sent <= 10)
		end
		equal(sent, 10)
		for _ = 1, 100 do
			equal(skynet.send(s, "lua", "news"), false)
		end
		tap.raises("the mailbox is full", skynet.call, s, "lua", "seen")
		tap.logged("The mailbox is full (10 messages): lua from ")
		release()
		tap.until_true("the mailbox has room", function()
			return pcall(skynet.call, s, "lua", "seen")
		end)
		equal(skynet.call(s, "lua", "seen"), 10)
		local bound, _, refused = skynet.call(s, "lua", "bound")
		equal(bound, 10)
		assert(refused >= 102, refused)
		-- the bound can go again
		equal(skynet.call(s, "lua", "bound", 0), 0)
		skynet.kill(s)
	end },

	{ "answers and errors are let in, also when the mailbox is full", function()
		local a, gate, release = held()
		skynet.call(a, "lua", "bound", 3)
		-- it waits for our answer; then it is held, and its mailbox is filled
		local ask
		skynet.dispatch("lua", function()
			ask = skynet.response()
		end)
		local answer
		skynet.fork(function()
			answer = skynet.call(a, "lua", "ask", skynet.self())
		end)
		tap.until_true("it asks", function()
			return ask
		end)
		skynet.call(a, "lua", "hold", gate)
		repeat until not skynet.send(a, "lua", "news")
		ask(true, "pong")
		release()
		tap.until_true("the answer was let in", function()
			return answer
		end)
		equal(answer, "pong")
		skynet.kill(a)
	end },

	{ "a listener of a channel whose mailbox is full loses messages and stays a listener",
		function()
		local s, gate, release = held()
		local channel = require "skynet.multicast".new()
		skynet.call(s, "lua", "listen", channel.channel)
		skynet.call(s, "lua", "bound", 5)
		skynet.call(s, "lua", "hold", gate)
		-- large ones share their payload, and each reference must be given back once
		for i = 1, 50 do
			channel:publish(("x"):rep(i % 2 == 0 and 10 or 10000))
		end
		tap.logged("(5 messages): multicast from ")
		release()
		tap.until_true("it hears again", function()
			channel:publish "the last"
			local ok, n, last = pcall(skynet.call, s, "lua", "heard")
			return ok and last == "the last" and n
		end)
		channel:delete()
		skynet.kill(s)
	end },

	{ "with the policy warn nothing is refused, but counted", function()
		local s, gate, release = held()
		skynet.call(s, "lua", "bound", 5, "warn")
		skynet.call(s, "lua", "hold", gate)
		for _ = 1, 50 do
			equal(skynet.send(s, "lua", "news"), 0)
		end
		tap.logged("The mailbox is full (5 messages): lua from ")
		release()
		equal(skynet.call(s, "lua", "seen"), 50)
		equal((select(3, skynet.call(s, "lua", "bound"))) >= 45, true)
		skynet.kill(s)
	end },

	{ "a long mailbox is told of with the sender and the kind of most of its messages",
		function()
		local s, gate, release = held()
		skynet.call(s, "lua", "hold", gate)
		for i = 1, 3000 do
			skynet.send(s, "lua", "news")
			if i % 10 == 0 then
				skynet.redirect(s, 0x77, "lua", 0, skynet.packstring "news")
			end
		end
		local from = #tap.log()
		release()
		tap.logged("May overload, message queue length = ", from)
		local line = tap.log():match("May overload, message queue length = [^\n]+", from)
		local looked, most = line:match "of (%d+) looked at, (%d+): lua from "
		assert(tonumber(looked) == 1024 and tonumber(most) > 900, line)
		assert(line:find(("from :%08x snlua test_overload"):format(skynet.self()), 1, true),
			line)
		equal(skynet.call(s, "lua", "seen"), 3300)
		skynet.kill(s)
	end },
}
