-- SPDX-License-Identifier: MIT
-- skynet.netpack: this service holds both ends of its connections, and what filter
-- says is recorded.
local skynet = require "skynet"
local netpack = require "skynet.netpack"
local driver = require "skynet.socketdriver"
local tap = require "tap"

local queue
local events = {} -- { type, ... }

skynet.register_protocol {
	name = "socket",
	id = skynet.PTYPE_SOCKET,
	unpack = function(msg, size) return netpack.filter(queue, msg, size) end,
	dispatch = function(_, _, q, event, ...)
		assert(not queue or q == queue)
		queue = q
		if event == "data" then
			local fd, msg, size = ...
			events[#events + 1] = { "data", fd, netpack.tostring(msg, size) }
		elseif event then
			events[#events + 1] = { event, ... }
		end
	end,
}

local function expect(event, id)
	return tap.until_true(event, function()
		for i, e in ipairs(events) do
			if e[1] == event and (not id or e[2] == id) then
				return table.remove(events, i)
			end
		end
	end)
end

local lid, port

-- Both ends of a connection.
local function pair()
	local client = driver.connect("127.0.0.1", port)
	expect("init", client)
	local server = expect "open"
	assert(server[3]:match "^127%.0%.0%.1:%d+$", server[3])
	driver.start(server[2])
	expect("init", server[2])
	return client, server[2]
end

local function frame(text)
	return string.pack(">s2", text)
end

local function pops()
	local all = {}
	for fd, msg, size in netpack.pop, queue do
		all[#all + 1] = { fd, netpack.tostring(msg, size) }
	end
	return all
end

tap.run {
	{ "init tells the address and the port", function()
		lid = driver.listen("127.0.0.1", 0)
		local e = expect("init", lid)
		tap.equal(e[3], "127.0.0.1")
		assert(math.type(e[4]) == "integer" and e[4] > 0)
		port = e[4]
		driver.start(lid)
		expect("init", lid)
	end },
	{ "one whole frame is data", function()
		local c, s = pair()
		driver.send(c, frame "hello")
		tap.equal(expect("data", s)[3], "hello")
		driver.send(c, frame "")
		tap.equal(expect("data", s)[3], "")
		local big = ("x"):rep(65535)
		driver.send(c, frame(big))
		tap.equal(expect("data", s)[3], big)
	end },
	{ "a frame in pieces is data once it is whole", function()
		local c, s = pair()
		local other, other_server = pair()
		driver.send(c, "\0")
		driver.send(other, frame "between")
		tap.equal(expect("data", other_server)[3], "between")
		driver.send(c, "\5he")
		driver.send(other, frame "again")
		tap.equal(expect("data", other_server)[3], "again")
		driver.send(c, "llo")
		tap.equal(expect("data", s)[3], "hello")
	end },
	{ "several frames are more, and are popped in order", function()
		local c, s = pair()
		driver.send(c, frame "one" .. frame "two" .. frame "" .. "\0\3th")
		expect "more"
		local all = pops()
		tap.equal(#all, 3)
		tap.equal(all[1][1], s)
		tap.equal(all[1][2] .. "," .. all[2][2] .. "," .. all[3][2], "one,two,")
		driver.send(c, "r")
		tap.equal(expect("data", s)[3], "thr")
		tap.equal(netpack.pop(queue), nil)
		tap.equal(netpack.pop(nil), nil)
	end },
	{ "close and error name the socket; what was unfinished is forgotten", function()
		local c, s = pair()
		driver.send(c, "\0\9abc")
		driver.shutdown(c)
		expect("close", c)
		expect("close", s)
		driver.close(s)
		driver.start(lid + 4711)
		tap.equal(expect("error", lid + 4711)[3], "invalid socket")
	end },
	{ "clear frees what waits", function()
		local c = pair()
		driver.send(c, frame "one" .. frame "two" .. "\0\9par")
		expect "more"
		netpack.clear(queue)
		tap.equal(netpack.pop(queue), nil)
		netpack.clear(nil)
		netpack.clear(queue)
	end },
	{ "pack puts the length in front", function()
		tap.equal(netpack.tostring(netpack.pack "abc"), "\0\3abc")
		tap.equal(netpack.tostring(netpack.pack ""), "\0\0")
		local msg, size = skynet.pack(("y"):rep(1000))
		local all = netpack.tostring(netpack.pack(msg, size))
		tap.equal(all, frame(netpack.tostring(msg, size)))
		tap.equal(#netpack.tostring(netpack.pack(("z"):rep(65535))), 65537)
		tap.raises("Invalid size (too long) of data : 65536", netpack.pack,
			("z"):rep(65536))
		tap.equal(netpack.tostring(nil), "")
		tap.raises("", netpack.filter, nil, nil, 0)
		tap.raises("", netpack.pop, io.stdout)
	end },
}
