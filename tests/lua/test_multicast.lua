-- SPDX-License-Identifier: MIT
-- skynet.multicast within one node; several nodes: tests/cluster/multicast and
-- multicast_owner_away.
local skynet = require "skynet"
require "skynet.manager"
local multicast = require "skynet.multicast"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local function listener(id)
	local s = skynet.newservice "listener"
	if id then
		skynet.call(s, "lua", "subscribe", id)
	end
	return s
end

local function count(s) return skynet.call(s, "lua", "count") end

local function until_count(s, n)
	tap.until_true(("%d messages"):format(n), function() return count(s) >= n end)
	equal(count(s), n)
end

-- Everything published so far has been delivered: a message behind it has.
local function settle(channel, s)
	local before = count(s)
	channel:publish "settle"
	until_count(s, before + 1)
end

tap.run {
	{ "channels have numbers: 256 apart, the harbor id in the low byte", function()
		local a, b = multicast.new(), multicast.new()
		equal(a.channel & 0xff, skynet.harbor(skynet.self()))
		assert(b.channel == a.channel + 256 or b.channel < a.channel)
		assert(a.channel > 0 and a.channel <= 0x7fffffff)
		equal(tostring(a), ("[Multicast:%x]"):format(a.channel))
	end },
	{ "who subscribes hears the channel, its source and all values", function()
		local c = multicast.new()
		local a, b = listener(c.channel), listener(c.channel)
		c:publish("x", nil, { y = 1 }, nil)
		for _, s in ipairs { a, b } do
			until_count(s, 1)
			local r = table.pack(skynet.call(s, "lua", "heard", 1))
			equal(r.n, 6)
			equal(r[1], c.channel)
			equal(r[2], skynet.self())
			equal(r[3], "x")
			equal(r[4], nil)
			equal(r[5].y, 1)
		end
	end },
	{ "large ones are shared by all and arrive whole; empty ones, too", function()
		local c = multicast.new()
		local list = {}
		for i = 1, 20 do list[i] = listener(c.channel) end
		local big = ("0123456789"):rep(100000)
		c:publish(big)
		c:publish()
		for _, s in ipairs(list) do
			until_count(s, 2)
			equal(select(3, skynet.call(s, "lua", "heard", 1)), big)
			equal(select("#", skynet.call(s, "lua", "heard", 2)), 2)
		end
	end },
	{ "messages of one publisher keep their order", function()
		local c = multicast.new()
		local s = listener(c.channel)
		for i = 1, 300 do c:publish(("x"):rep(i * 3), i) end
		until_count(s, 300)
		equal(skynet.call(s, "lua", "in_order"), true)
	end },
	{ "the publisher hears itself if it listens", function()
		local got = {}
		local c = multicast.new { dispatch = function(channel, source, ...)
			got[1] = { channel, source, ... }
		end }
		c:subscribe()
		c:publish "me"
		tap.until_true("it", function() return got[1] end)
		equal(got[1][1], c)
		equal(got[1][2], skynet.self())
		equal(got[1][3], "me")
		c:delete()
	end },
	{ "subscribe and unsubscribe may be repeated", function()
		local c = multicast.new()
		local s, other = listener(c.channel), listener(c.channel)
		skynet.call(s, "lua", "subscribe", c.channel)
		c:publish(1)
		until_count(s, 1)
		skynet.call(s, "lua", "unsubscribe", c.channel)
		skynet.call(s, "lua", "unsubscribe", c.channel)
		settle(c, other)
		c:publish(2)
		settle(c, other)
		equal(select(3, skynet.call(s, "lua", "heard", count(s))), 1)
		skynet.call(s, "lua", "subscribe", c.channel)
		c:publish(3)
		until_count(s, 2)
	end },
	{ "nobody listens: nothing happens", function()
		multicast.new():publish(("x"):rep(1000))
		local channel = 0x7fffff00 | skynet.harbor(skynet.self())
		multicast.new { channel = channel }:publish(("x"):rep(1000))
	end },
	{ "delete ends the channel; the object is of no use, the others are not told", function()
		local c = multicast.new()
		local id, s = c.channel, listener(c.channel)
		c:publish(1)
		until_count(s, 1)
		c:delete()
		raises("deleted", c.publish, c, 1)
		raises("deleted", c.subscribe, c)
		raises("deleted", c.delete, c)
		skynet.call(s, "lua", "publish", id, 2)
		local d = multicast.new { channel = id, dispatch = error }
		d:subscribe()
		d:publish(3)
		equal(count(s), 1)
	end },
	{ "unsubscribing from a deleted channel is only logged", function()
		local c, from = multicast.new(), #tap.log()
		local id = c.channel
		local s = listener(id)
		c:delete()
		skynet.call(s, "lua", "unsubscribe", id)
		tap.logged("the channel was deleted", from)
	end },
	{ "pack and unpack of one's own, text or pointer", function()
		local got
		local c = multicast.new {
			pack = function(x) return x:upper() end,
			unpack = function(msg, size) return skynet.tostring(msg, size), size end,
			dispatch = function(_, _, ...) got = { ... } end,
		}
		c:subscribe()
		for _, text in ipairs { "small", ("large"):rep(1000) } do
			got = nil
			c:publish(text)
			tap.until_true("it", function() return got end)
			equal(got[1], text:upper())
			equal(got[2], #text)
		end
		c:delete()
	end },
	{ "an error in unpack or dispatch is logged and harms nothing", function()
		local n, from = 0, #tap.log()
		local c = multicast.new {
			unpack = function(msg, size)
				n = n + 1
				if n == 1 then error "bad unpack" end
				return skynet.unpack(msg, size)
			end,
			dispatch = function() error "bad dispatch" end,
		}
		c:subscribe()
		c:publish(("x"):rep(1000))
		c:publish(("x"):rep(1000))
		tap.logged("bad unpack", from)
		tap.logged("bad dispatch", from)
		assert(not tap.log():find("Maybe forgot", from + 1, true))
		c:delete()
	end },
	{ "an object that nobody holds stays subscribed until unsubscribe", function()
		local c = multicast.new()
		local s, other = listener(c.channel), listener(c.channel)
		for round = 1, 3 do
			skynet.call(s, "lua", "drop", c.channel)
			settle(c, other)
			until_count(s, round)
		end
	end },
	{ "several objects of one channel all hear it, until each is unsubscribed", function()
		local c, got = multicast.new(), { 0, 0 }
		local objects = {}
		for i = 1, 2 do
			objects[i] = multicast.new { channel = c.channel,
				dispatch = function(_, _, text)
				equal(text, ("large"):rep(1000))
				got[i] = got[i] + 1
			end }
			objects[i]:subscribe()
		end
		local function publish(a, b)
			c:publish(("large"):rep(1000))
			tap.until_true("both", function() return got[1] >= a and got[2] >= b end)
			equal(got[1], a)
			equal(got[2], b)
		end
		publish(1, 1)
		objects[1]:unsubscribe()
		publish(1, 2)
		objects[1]:subscribe()
		objects[2]:unsubscribe()
		publish(2, 2)
		objects[1]:unsubscribe()
	end },
	{ "a deleted channel is told to whoever asked for it, once", function()
		local c, told = multicast.new(), {}
		local function event(channel, what) told[#told + 1] = what .. " "
			.. channel.channel end
		local d = multicast.new { channel = c.channel, event = event }
		d:subscribe()
		c:delete()
		tap.until_true("the news", function() return told[1] end)
		local late = multicast.new { channel = d.channel, event = event }
		late:subscribe()
		tap.until_true("the news", function() return told[2] end)
		equal(table.concat(told, " "), ("gone %d gone %d"):format(d.channel, d.channel))
	end },
	{ "a channel of another node: there is none, and that is said at once", function()
		local d = multicast.new { channel = 256 | 7 }
		for _ = 1, 2 do
			local why = tap.raises("no node has this channel",
				function() d:subscribe() end)
			assert(why:find("test_multicast.lua", 1, true), why)
		end
		tap.raises("no node has this channel", d.publish, d, 1)
		d:unsubscribe()
	end },
	{ "what a killed listener had not read is freed, its publisher's calls do not fail",
		function()
		local c = multicast.new()
		local big = ("x"):rep(1 << 20)
		local memory = require "skynet.memory"
		local before
		for round = 1, 40 do
			local s = listener(c.channel)
			skynet.send(s, "lua", "hang", 3)
			for _ = 1, 4 do c:publish(big) end
			skynet.kill(s)
			for _ = 1, 10 do skynet.call(skynet.self(), "debug", "PING") end
			if round == 10 then
				collectgarbage()
				before = memory.total()
			end
		end
		collectgarbage()
		tap.until_true("the memory",
			function() return memory.total() <= before + (16 << 20) end)
	end },
	{ "the dead are taken out", function()
		local c = multicast.new()
		for _ = 1, 100 do skynet.kill(listener(c.channel)) end
		local s = listener(c.channel)
		c:publish(1)
		until_count(s, 1)
	end },
	{ "whoever begins sessions without end is refused, and forgotten when it ends", function()
		local daemon = skynet.queryservice "multicastd"
		local s = skynet.newservice "callee"
		local begin = ("return require 'skynet'.call(%d, 'lua', 'MEET')"):format(daemon)
		local before = skynet.call(daemon, "debug", "STAT").task
		for _ = 1, 8 do
			equal(skynet.call(s, "lua", "eval", begin), daemon)
		end
		raises("too many sessions", skynet.call, s, "lua", "eval", begin)
		equal(skynet.call(daemon, "debug", "STAT").task, before + 8)
		skynet.kill(s)
		tap.until_true("their end",
			function() return skynet.call(daemon, "debug", "STAT").task == before end)
	end },
	{ "a message of that type from elsewhere is never taken for a pointer", function()
		local s = listener()
		skynet.redirect(s, skynet.self(), "multicast", 77, ("\x41"):rep(8))
		equal(count(s), 0)
		-- As if from node 99: the answer goes nowhere, so the log tells.
		local from = #tap.log()
		skynet.redirect(skynet.queryservice "multicastd", 99 << 24 | 1, "lua", 1,
			skynet.pack("PUB", 256, "x"))
		tap.logged("a pointer from another node", from)
	end },
}
