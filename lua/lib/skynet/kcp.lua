-- SPDX-License-Identifier: MIT
--
-- skynet.kcp: messages in order and without loss over UDP, for code that reads as if it waited.
--
-- The sessions of this service are one pool in C (skynet.kcp.core). Datagrams go in as they come;
-- what they bring is asked for at once, and whoever waits for it is woken. What is to be sent goes
-- out behind that, in one turn for all that has happened, by one task that otherwise sleeps until
-- the pool wants to be looked at.
--
-- ids    sessions of the pool and listeners share one set of numbers: a listener's is its socket's
--        with a minus sign

local skynet = require "skynet"
local socket = require "skynet.socket"
local core = require "skynet.kcp.core"

local wakeup, sleep, wait = skynet.wakeup, skynet.sleep, skynet.wait

local OPEN <const>, DATA <const>, END <const> = 1, 2, 4

local kcp = {}
local pool = core.pool()
local sessions = {} -- id -> { waits = whether a task waits for it, why = after its end }
local listeners = {} -- socket -> function(id, address, token)

-- ---- turns ----

local clock = { woken = false } -- what its task waits on

local function release_sockets()
	local id = core.released(pool)
	while id do
		skynet.fork(socket.close, id)
		id = core.released(pool)
	end
end

local read_news

local function run_clock()
	while true do
		clock.woken = false
		local ms = core.turn(pool)
		read_news()
		release_sockets()
		if clock.woken then
			sleep(0, clock)
		elseif ms then
			sleep((ms + 9) // 10, clock)
		else
			wait(clock)
		end
	end
end

-- Something is to be sent: behind the tasks that have been woken already.
local function want_turn()
	if not clock.woken then
		clock.woken = true
		if not wakeup(clock) then -- the first time, or memory has ended there
			skynet.fork(run_clock)
		end
	end
end

-- ---- news ----

local function serve(handler, id, address, token)
	local ok, err = xpcall(handler, debug.traceback, id, address, token)
	if not ok then
		skynet.error(("kcp: the handler of session %d (%s) failed: %s"):format(id, address,
			err))
		kcp.close(id)
	end
end

local function on_open(id)
	local listener, address, token = core.about(pool, id)
	local handler = listeners[listener]
	if handler then
		sessions[id] = { waits = false, why = false }
		skynet.fork(serve, handler, id, address, token)
	end
end

function read_news()
	local id, bits, why = core.news(pool)
	while id do
		if bits & OPEN ~= 0 and not sessions[id] then
			on_open(id)
		end
		local s = sessions[id]
		if s and bits & END ~= 0 then
			s.why = why
		end
		if s and s.waits then
			wakeup(s)
		end
		id, bits, why = core.news(pool)
	end
end

local function on_datagram(id, data, from)
	core.input(pool, id, data, from)
	read_news()
	want_turn()
end

-- A function for a socket of which only what is returned knows the id.
local function receiver()
	local at = {}
	return at, function(data, from)
		if at.id then
			on_datagram(at.id, data, from)
		end
	end
end

-- ---- what programs get wrong: the error is at the line that called us ----

-- What a function returns, or its error.
local function ask(f, ...)
	local ok, a, b, c = pcall(f, ...)
	if not ok then
		error(a, 3)
	end
	return a, b, c
end

local function known(id)
	return sessions[id] or error(("kcp: no session %s is open in this service"):format(
		tostring(id)), 3)
end

-- ---- opening ----

function kcp.listen(host, port, handler, options)
	if type(handler) ~= "function" then
		error("bad argument #3 to 'listen' (a function expected)", 2)
	end
	ask(core.check, options)
	local at, receive = receiver()
	local id = ask(socket.udp, receive, host, port)
	core.listen(pool, id, options)
	listeners[id] = handler
	at.id = id
	return -id, core.local_address(id)
end

function kcp.connect(host, port, options)
	local token, conv = "", 0
	if type(options) == "table" then
		local rest = {}
		for k, v in pairs(options) do
			rest[k] = v
		end
		token, conv = rest.token or "", rest.conv or 0
		rest.token, rest.conv = nil, nil
		options = rest
	end
	ask(core.check, options, conv, token)
	skynet.checkwait()
	local at, receive = receiver()
	local ok, udp = pcall(socket.udp_dial, host, port, receive)
	if not ok then
		return nil, udp
	end
	local id = ask(core.connect, pool, udp, options, conv, token)
	local s = { waits = true, why = false }
	sessions[id] = s
	at.id = udp
	want_turn()
	wait(s)
	s.waits = false
	if s.why then
		kcp.close(id)
		return nil, s.why
	end
	return id
end

function kcp.expect(listener, conv)
	if not (math.type(conv) == "integer" and conv > 0 and conv <= 0xffffffff) then
		error(("bad argument #2 to 'expect' (1 to 4294967295 expected, got %s)"):format(
			tostring(conv)), 2)
	end
	return core.expect(pool, -listener, conv)
end

-- ---- messages ----

function kcp.send(id, data)
	local ok, why = core.send(pool, id, data)
	if ok then
		want_turn()
		return true
	end
	return false, why
end

-- The next message; or false and why there is none.
local function take(id, s, ti)
	while true do
		local data, tell = core.recv(pool, id)
		if data then
			if tell then
				want_turn()
			end
			return data
		elseif s.why then
			return false, s.why
		end
		s.waits = true
		local woken = true
		if ti then
			woken = sleep(ti, s) == "BREAK"
		else
			wait(s)
		end
		s.waits = false
		if not woken then
			return false, "timeout"
		elseif sessions[id] ~= s then
			return false, "closed"
		end
	end
end

-- A session that may be read now.
local function reading(id)
	local s = sessions[id]
	if not s then
		error(("kcp: no session %s is open in this service"):format(tostring(id)), 3)
	elseif s.waits then
		error(("kcp: another task reads session %d already"):format(id), 3)
	end
	return s
end

function kcp.recv(id, ti)
	local s = reading(id)
	if s.rest then
		local data = s.rest
		s.rest = nil
		return data
	end
	return take(id, s, ti)
end

function kcp.read(id, n)
	if n and not (math.type(n) == "integer" and n > 0) then
		error(("bad argument #2 to 'read' (a number of bytes expected, got %s)"):format(
			tostring(n)), 2)
	end
	local s = reading(id)
	local parts, have = { s.rest }, s.rest and #s.rest or 0
	s.rest = nil
	while have < (n or 1) do
		local data, why = take(id, s)
		if not data then
			return false, table.concat(parts), why
		end
		parts[#parts + 1] = data
		have = have + #data
	end
	local data = table.concat(parts)
	if n and have > n then
		s.rest = data:sub(n + 1)
		data = data:sub(1, n)
	end
	return data
end

-- ---- closing ----

function kcp.close(id)
	if type(id) == "number" and id < 0 then
		if listeners[-id] then
			listeners[-id] = nil
			core.unlisten(pool, -id)
			want_turn()
		end
		return
	end
	local s = sessions[id]
	if s then
		sessions[id] = nil
		core.close(pool, id)
		if s.waits then
			wakeup(s)
		end
		want_turn()
	end
end

-- ---- looking ----

function kcp.disconnected(id)
	local s = sessions[id]
	if s then
		return s.why ~= false
	end
end

function kcp.address(id)
	known(id)
	local _, address = core.about(pool, id)
	return address
end

function kcp.options(id, changes)
	known(id)
	local all = ask(core.options, pool, id, changes)
	want_turn()
	return all
end

function kcp.stats(id)
	if type(id) == "number" and id < 0 then
		return core.port_stats(pool, -id)
			or error(("kcp: no listener %d is open in this service"):format(id), 2)
	end
	known(id)
	return core.stats(pool, id)
end

return kcp
