-- SPDX-License-Identifier: MIT
--
-- skynet.socket: sockets for code that reads as if it waited.
--
-- Every id that this service has opened or started is an object in `sockets`. Its bytes lie in a
-- buffer of the driver (C), into which packets go without any Lua: the reader who waits is woken
-- when there is what he wants, and takes it. A packet comes by on_data below when something is to
-- be decided about it.
--
--   connecting  waits for CONNECT or ERROR         connected  until CLOSE or ERROR
--   listens     it accepts connections; nothing can be read from it

local skynet = require "skynet"
local driver = require "skynet.socketdriver"

local wait, wakeup, checkwait = skynet.wait, skynet.wakeup, skynet.checkwait
local pop, readall, readline = driver.pop, driver.readall, driver.readline
local await, wake, waits = driver.await, driver.wake, driver.waits
local pausing, feed = driver.pausing, driver.feed

local UNTIL_END <const> = -1

local socket = {}
local onclose = {} -- id -> function; may come before the id is started

-- A service that ends leaves no socket open.
local sockets = setmetatable({}, {
	__gc = function(all)
		for id in pairs(all) do
			driver.close(id)
		end
	end,
})

local function log(fmt, ...)
	skynet.error(string.format(fmt, ...))
end

-- ---- waking those who wait ----
--
-- Memory may end at any call. Then the same event comes again, so each of these first wakes and
-- then notes that it has.

local function end_connecting(s, err)
	if s.connecting then
		s.error = err
		wakeup(s)
		s.connecting = false
	end
end

local function wake_closers(s)
	local closers = s.closers
	if closers then
		for i = 1, #closers do
			if closers[i] then
				wakeup(closers[i])
				closers[i] = false
			end
		end
		s.closers = nil
	end
end

-- ---- events ----

local function on_data(id, size, data)
	local s = sockets[id]
	if not s then
		log("socket: drop package from %d", id)
		driver.drop(data, size)
		return
	end
	local verdict, left, limit = feed(s.buffer, data, size)
	if verdict == "pause" then
		log("Pause socket (%d) size : %d", id, left)
		driver.pause(id)
	elseif verdict == "overflow" then
		driver.clear(s.buffer)
		if not s.overflow then
			s.overflow = true
			log("socket buffer overflow: fd=%d size=%d limit=%d", id, left, limit)
			driver.close(id)
		end
	end
end

local function on_connect(id, port, text)
	local s = sockets[id]
	-- what comes later than it was waited for is the echo of a resume
	if s and s.connecting then
		s.connected = true
		s.address, s.port = text, port
		end_connecting(s)
	end
end

local function on_close(id)
	local s = sockets[id]
	if s then
		s.connected = false
		end_connecting(s, "socket closed")
		wake(s.buffer)
		wake_closers(s)
	else
		driver.close(id)
	end
	local callback = onclose[id]
	if callback then
		onclose[id] = nil
		callback(id)
	end
end

local function on_accept(id, new_id, address)
	local s = sockets[id]
	if s and s.accept then
		s.accept(new_id, address)
	else
		driver.close(new_id)
	end
end

local function on_error(id, _, text)
	local s = sockets[id]
	if not s then
		driver.shutdown(id)
		log("socket: error on unknown %d: %s", id, text)
	elseif s.connecting then
		end_connecting(s, text)
		wake_closers(s)
	elseif s.accept then
		skynet.log("warning", "socket: accept error: " .. text)
	elseif s.udp and text == "protocol mismatch" then
		log("socket: %s: socket %d is of the other family of addresses", text, id)
	elseif text ~= "socket closed" then -- that one only says that a resume came after the end
		log("socket: error on %d: %s", id, text)
		s.connected = false
		driver.shutdown(id)
		wake(s.buffer)
	end
end

local function on_warning(id, kib)
	local s = sockets[id]
	if s and s.warning then
		s.warning(id, kib)
	elseif kib > 0 then
		log("WARNING: %d K bytes need to send out (fd = %d)", kib, id)
	else
		log("socket: all was sent out (fd = %d)", id)
	end
end

-- A flood of datagrams that nobody takes must not become one of lines.
local said = 0
local function say_dropped(id, address)
	local now = skynet.now()
	if now - said >= 100 or said == 0 then
		said = now
		local ip, port = driver.udp_address(address)
		log("socket: drop udp package from %s:%d on %d", ip, port, id)
	end
end

local function on_udp(id, _, data, address)
	local s = sockets[id]
	local callback = s and s.callback
	if callback then
		callback(data, address)
	else
		say_dropped(id, address)
	end
end

local on = { on_data, on_connect, on_close, on_accept, on_error, on_udp, on_warning }

skynet.register_protocol {
	name = "socket",
	id = skynet.PTYPE_SOCKET,
	unpack = driver.receive,
	dispatch = function(_, _, event, id, ud, data, address)
		on[event](id, ud, data, address)
	end,
}
driver.native()

-- ---- what programs get wrong: the error is at the line that called us ----

local function check_id(id, what)
	if type(id) ~= "number" or not math.tointeger(id) then
		error(("bad argument #1 to '%s' (the id of a socket expected, got %s)"):format(what,
			type(id)), 3)
	end
end

local function check_host(host, what)
	if type(host) ~= "string" then
		error(("bad argument #1 to '%s' (the address of a host expected, got %s)")
			:format(what, type(host)), 3)
	end
end

-- What the driver gives, or its error.
local function ask(f, ...)
	local ok, value = pcall(f, ...)
	if not ok then
		error(value, 3)
	end
	return value
end

-- ---- opening ----

local function forget(id)
	local s = sockets[id]
	if s then
		driver.detach(s.buffer)
	end
	sockets[id] = nil
	onclose[id] = nil
end

-- Waits for the CONNECT of an id. The object, or nil and what went wrong.
local function connect(id, accept, listens)
	-- Fields that change have their place from the start, and are false in place of nil: a key
	-- that comes and goes makes Lua rehash the table again and again.
	local s = {
		id = id,
		buffer = driver.buffer(),
		overflow = false,
		accept = accept,
		listens = listens,
		connecting = true,
		connected = false,
	}
	driver.attach(s.buffer, id)
	sockets[id] = s
	wait(s)
	if s.connected then
		return s
	end
	if sockets[id] == s then
		forget(id)
	end
	return nil, s.error or "socket closed"
end

local function opened(id, why)
	if id < 0 then
		return nil, why
	end
	local s, err = connect(id)
	if s then
		return id
	end
	return nil, err
end

function socket.open(addr, port)
	check_host(addr, "open")
	checkwait()
	return opened(ask(driver.connect, addr, port), "reach skynet socket number limit")
end

function socket.bind(fd)
	check_id(fd, "bind")
	checkwait()
	return opened(driver.bind(fd), "bind failed")
end

function socket.stdin()
	return socket.bind(0)
end

function socket.listen(host, port, backlog, manner)
	check_host(host, "listen")
	checkwait()
	local id = ask(driver.listen, host, port, backlog, manner)
	local s = assert(connect(id, nil, true))
	s.placeholder = true
	return id, s.address, s.port
end

function socket.start(id, accept)
	check_id(id, "start")
	local s = sockets[id]
	if s and not s.placeholder then
		error("socket is not closed", 2)
	elseif onclose[id] then
		error("socket has onclose callback", 2)
	end
	checkwait()
	driver.start(id)
	local ok, err = connect(id, accept, accept ~= nil or s ~= nil)
	if ok then
		return id
	end
	return nil, err
end

function socket.pause(id)
	check_id(id, "pause")
	checkwait()
	local s = sockets[id]
	if s then
		pausing(s.buffer, true)
	end
	driver.pause(id)
	skynet.yield()
end

-- ---- closing ----

-- speaking: the peer may be sending yet, and is to read our last words all the same.
function socket.close(id, speaking)
	local s = sockets[id]
	if not s then
		return
	end
	if s.connected or s.connecting then
		checkwait()
		driver.close(id, speaking)
		-- CLOSE is on its way; it wakes the reader first
		local closers = s.closers or {}
		s.closers = closers
		closers[#closers + 1] = coroutine.running()
		wait()
	else
		driver.close(id)
	end
	if sockets[id] == s then
		forget(id)
	end
end

function socket.shutdown(id)
	driver.shutdown(id)
end

function socket.close_fd(id)
	if sockets[id] then
		error "Use socket.close instead"
	end
	driver.close(id)
end

function socket.abandon(id)
	local s = sockets[id]
	if s then
		forget(id)
		s.connected = false
		end_connecting(s, "socket abandoned")
		wake(s.buffer)
		wake_closers(s)
	end
end

-- ---- reading ----

-- The object of an id that may be read now.
local function reading(id)
	local s = sockets[id]
	if not s then
		error(("assertion failed! no socket %s is open in this service")
			:format(tostring(id)), 3)
	elseif waits(s.buffer) then
		error(("assertion failed! another task reads socket %d already"):format(id), 3)
	elseif s.udp then
		error(("socket %d is a UDP socket: its callback gets what comes"):format(id), 3)
	elseif s.listens then
		error(("socket %d listens for connections: there is nothing to read"):format(id), 3)
	end
	return s
end

-- Sleeps until the buffer holds what is needed: true, or false when the socket ended first.
local function arrives(s, need)
	checkwait()
	if pausing(s.buffer) then
		log("Resume socket (%d)", s.id)
		pausing(s.buffer, false)
		driver.start(s.id)
	end
	return await(s.buffer, need)
end

function socket.read(id, n)
	local s = reading(id)
	local buffer = s.buffer
	if n then
		if not (type(n) == "number" and n > 0) then
			error(("bad argument #2 to 'read' (a number of bytes expected, got %s)")
				:format(tostring(n)), 2)
		end
		local data = pop(buffer, buffer, n)
		if not data and s.connected and arrives(s, n) then
			data = pop(buffer, buffer, n)
		end
		if data then
			return data
		end
	else
		local data = readall(buffer)
		if data == "" and s.connected and arrives(s, true) then
			data = readall(buffer)
		end
		if data ~= "" then
			return data
		end
	end
	return false, readall(buffer)
end

function socket.readline(id, sep)
	local s = reading(id)
	local buffer = s.buffer
	sep = sep or "\n"
	local line = readline(buffer, buffer, sep)
	if not line and s.connected and arrives(s, sep) then
		line = readline(buffer, buffer, sep)
	end
	if line then
		return line
	end
	return false, readall(buffer)
end

function socket.readall(id)
	local s = reading(id)
	if s.connected then
		arrives(s, UNTIL_END)
		return readall(s.buffer)
	end
	local data = readall(s.buffer)
	return data ~= "" and data
end

function socket.block(id)
	local s = sockets[id]
	if not s or not s.connected then
		return false
	end
	s = reading(id)
	return arrives(s, 0)
end

-- ---- writing ----

socket.write = driver.send
socket.lwrite = driver.lsend
socket.header = driver.header

-- ---- UDP ----

local function check_callback(f, arg, what)
	if f ~= nil and type(f) ~= "function" then
		error(("bad argument #%d to '%s' (a function for datagrams expected, got %s)")
			:format(arg, what, type(f)), 3)
	end
end

local function add_udp(id, callback)
	local buffer = driver.buffer()
	driver.attach(buffer, id)
	sockets[id] = {
		id = id,
		buffer = buffer, -- nothing ever comes into it
		udp = true,
		callback = callback,
		connecting = false,
		connected = true,
	}
	return id
end

function socket.udp(callback, host, port)
	check_callback(callback, 1, "udp")
	return add_udp(ask(driver.udp, host, port), callback)
end

function socket.udp_listen(addr, port, callback)
	check_host(addr, "udp_listen")
	check_callback(callback, 3, "udp_listen")
	return add_udp(ask(driver.udp_listen, addr, port), callback)
end

function socket.udp_dial(addr, port, callback)
	check_host(addr, "udp_dial")
	check_callback(callback, 3, "udp_dial")
	return add_udp(ask(driver.udp_dial, addr, port), callback)
end

function socket.udp_connect(id, addr, port, callback)
	check_id(id, "udp_connect")
	local s = sockets[id]
	if s and not s.udp then
		error(("socket %d is no UDP socket"):format(id), 2)
	end
	ask(driver.udp_connect, id, addr, port)
	if not s then
		add_udp(id, callback)
	elseif callback then
		s.callback = callback
	end
end

socket.sendto = driver.udp_send
socket.udp_address = driver.udp_address

-- ---- the rest ----

function socket.disconnected(id)
	local s = sockets[id]
	if s then
		return not (s.connected or s.connecting)
	end
end

function socket.invalid(id)
	return sockets[id] == nil
end

local function known(id)
	return sockets[id] or error(("assertion failed! no socket %s is open in this service")
		:format(tostring(id)), 3)
end

-- Ours: bytes that came and that nobody has read; nil: no such socket in this service.
function socket.unread(id)
	local s = sockets[id]
	if s then
		return select(2, pop(s.buffer, s.buffer, 0))
	end
end

function socket.limit(id, n)
	driver.limit(known(id).buffer, n)
end

-- Ours: writelimit(id [, bytes [, policy]]). At most so many bytes wait for the peer of this socket
-- (0: as configured, net.write_queue; nil: as it is). What happens at the bound is the policy:
-- "close" ends the socket, "error" only lets the write return false; the callback of socket.warning
-- hears 0 when all has gone out. A listener's bound is that of the connections it accepts later.
-- Returns bytes and policy, or false: no such socket.
socket.writelimit = driver.writelimit

-- Ours: proxy(id, addresses). What this listener accepts from then on begins with a header of the
-- PROXY protocol, which names the client; addresses: whose headers are believed.
function socket.proxy(id, addresses)
	known(id)
	ask(driver.proxy, id, addresses)
end

function socket.warning(id, callback)
	local s = known(id)
	s.warning = callback
end

function socket.onclose(id, callback)
	onclose[id] = callback
end

socket.netstat = driver.info
socket.resolve = driver.resolve

return socket
