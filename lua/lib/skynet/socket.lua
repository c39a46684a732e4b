-- SPDX-License-Identifier: MIT
--
-- skynet.socket: sockets for code that reads as if it waited.
--
-- Every id that this service has opened or started is an object in `sockets`. Its bytes lie in a
-- buffer of the driver (C). A read that finds enough there returns at once; another leaves in
-- `need` what it waits for and sleeps on the object. When data arrive, driver.feed appends them and
-- reads for the sleeper in one call, so a waiting reader costs one wake-up and nothing is searched
-- twice.
--
--   connecting  waits for CONNECT or ERROR         connected  until CLOSE or ERROR
--   need        what the one reader waits for: a separator (string), a number of bytes, 0 for any
--               arrival, UNTIL_END, true for whatever there is; false = nobody reads
--   result      what the driver read for it; false when the wait ended otherwise
--   high        bytes in the buffer that `on_high` is to hear of
--   listens     it accepts connections; nothing can be read from it

local skynet = require "skynet"
local driver = require "skynet.socketdriver"

local wait, wakeup, checkwait = skynet.wait, skynet.wakeup, skynet.checkwait
local feed, pop, readall, readline = driver.feed, driver.pop, driver.readall, driver.readline

local PAUSE_AT <const> = 128 * 1024
local UNTIL_END <const> = -1
-- A line longer than that is none, unless socket.limit says so.
local LINE_MAX <const> = 16 * 1024 * 1024

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

local function wake_reader(s)
	if s.need then
		wakeup(s)
		s.need = false
	end
end

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

-- What the buffer may hold. Whoever asks for a number of bytes, or for the whole stream, knows what
-- he does.
local function limit_of(s, need)
	if type(need) == "number" and need > 0 then
		return math.huge
	end
	return s.limit or type(need) == "string" and LINE_MAX or math.huge
end

-- The buffer is above `high`. need: what was waited for when the data came.
local function on_high(s, size, need)
	if s.overflow then
		driver.clear(s.buffer)
	elseif size > limit_of(s, need) then
		log("socket buffer overflow: fd=%d size=%d limit=%s", s.id, size, limit_of(s, need))
		s.overflow, s.high = true, 0
		driver.clear(s.buffer)
		driver.close(s.id)
	elseif size > PAUSE_AT and not need and not s.paused then
		log("Pause socket (%d) size : %d", s.id, size)
		s.paused = true
		driver.pause(s.id)
	end
end

local function on_data(id, size, data)
	local s = sockets[id]
	if not s then
		log("socket: drop package from %d", id)
		driver.drop(data, size)
		return
	end
	local need = s.need
	local result, left = feed(s.buffer, data, size, need)
	if result then
		s.need = false
		s.result = result
		wakeup(s)
	end
	if left > s.high then
		on_high(s, left, need)
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
		wake_reader(s)
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
		log("socket: accept error: %s", text)
	elseif text ~= "socket closed" then -- that one only says that a resume came after the end
		log("socket: error on %d: %s", id, text)
		s.connected = false
		driver.shutdown(id)
		wake_reader(s)
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

local on = { on_data, on_connect, on_close, on_accept, on_error, nil, on_warning }

skynet.register_protocol {
	name = "socket",
	id = skynet.PTYPE_SOCKET,
	unpack = driver.receive,
	dispatch = function(_, _, event, id, ud, data)
		on[event](id, ud, data)
	end,
}

-- ---- what programs get wrong: the error is at the line that called us ----

local function check_id(id, what)
	if type(id) ~= "number" or not math.tointeger(id) then
		error(("bad argument #1 to '%s' (the id of a socket expected, got %s)"):format(what, type(id)), 3)
	end
end

local function check_host(host, what)
	if type(host) ~= "string" then
		error(("bad argument #1 to '%s' (the address of a host expected, got %s)"):format(what, type(host)), 3)
	end
end

-- What the driver gives, or its error.
local function ask(f, ...)
	local ok, value = pcall(f, ...)
	return ok and value or error(value, 3)
end

-- ---- opening ----

local function forget(id)
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
		high = PAUSE_AT,
		accept = accept,
		listens = listens,
		connecting = true,
		connected = false,
		paused = false,
		need = false,
		result = false,
	}
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

function socket.listen(host, port, backlog)
	check_host(host, "listen")
	checkwait()
	local id = ask(driver.listen, host, port, backlog)
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
		s.paused = true
	end
	driver.pause(id)
	skynet.yield()
end

-- ---- closing ----

function socket.close(id)
	local s = sockets[id]
	if not s then
		return
	end
	if s.connected or s.connecting then
		checkwait()
		driver.close(id)
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
		wake_reader(s)
		wake_closers(s)
	end
end

-- ---- reading ----

-- Sleeps until `need` is satisfied; nil when the socket ended first.
local function await(s, need)
	checkwait()
	if s.paused then
		log("Resume socket (%d)", s.id)
		s.paused = false
		driver.start(s.id)
	end
	s.need = need
	wait(s)
	local result = s.result
	s.result = false
	return result or nil
end

-- The object of an id that may be read now.
local function reading(id)
	local s = sockets[id]
	if not s then
		error(("assertion failed! no socket %s is open in this service"):format(tostring(id)), 3)
	elseif s.need then
		error(("assertion failed! another task reads socket %d already"):format(id), 3)
	elseif s.listens then
		error(("socket %d listens for connections: there is nothing to read"):format(id), 3)
	end
	return s
end

function socket.read(id, n)
	local s = reading(id)
	local buffer = s.buffer
	local data
	if n then
		if not (type(n) == "number" and n > 0) then
			error(("bad argument #2 to 'read' (a number of bytes expected, got %s)"):format(tostring(n)), 2)
		end
		data = pop(buffer, buffer, n)
	else
		data = readall(buffer)
		if data == "" then
			data = nil
		end
	end
	if not data and s.connected then
		data = await(s, n or true)
	end
	if data then
		return data
	end
	return false, readall(buffer)
end

function socket.readline(id, sep)
	local s = reading(id)
	local buffer = s.buffer
	sep = sep or "\n"
	local line = readline(buffer, buffer, sep)
	if not line and s.connected then
		line = await(s, sep)
	end
	if line then
		return line
	end
	return false, readall(buffer)
end

function socket.readall(id)
	local s = reading(id)
	if s.connected then
		await(s, UNTIL_END)
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
	return await(s, 0) or false
end

-- ---- writing ----

socket.write = driver.send
socket.lwrite = driver.lsend
socket.header = driver.header

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
	return sockets[id] or error(("assertion failed! no socket %s is open in this service"):format(tostring(id)), 3)
end

function socket.limit(id, n)
	local s = known(id)
	s.limit = n
	s.high = n and math.min(n, PAUSE_AT) or PAUSE_AT
end

-- Ours: writelimit(id [, bytes [, policy]]). At most so many bytes wait for the peer of this socket
-- (0: as configured, net.write_queue; nil: as it is). What happens at the bound is the policy:
-- "close" ends the socket, "error" only lets the write return false; the callback of socket.warning
-- hears 0 when all has gone out. A listener's bound is that of the connections it accepts later.
-- Returns bytes and policy, or false: no such socket.
socket.writelimit = driver.writelimit

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
