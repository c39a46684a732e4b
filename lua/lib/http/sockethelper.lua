-- SPDX-License-Identifier: MIT
--
-- http.sockethelper: a socket as the functions that http.httpd and http.httpc read and write with.
-- Each of them raises socket_error when the connection is lost.
local skynet = require "skynet"
local socket = require "skynet.socket"
local driver = require "skynet.socketdriver"
local channels = require "http.channels"

local sockethelper = {}

-- The detail of the last failure, which tostring says once.
local detail
local socket_error = setmetatable({}, {
	__tostring = function()
		local text = detail
		detail = nil
		return text and "[Socket Error] : " .. text or "[Socket Error]"
	end,
})
sockethelper.socket_error = socket_error

-- fail(format, ...): raises socket_error; the text is what tostring says of it.
local function fail(fmt, ...)
	detail = fmt:format(...)
	error(socket_error)
end
sockethelper.fail = fail

-- readfunc(fd [, pre]) -> read(), which returns what is there, and read(n), which returns n bytes.
function sockethelper.readfunc(fd, pre)
	local function read(n)
		if not pre then
			if n == 0 then
				return ""
			end
			return socket.read(fd, n) or fail("read failed fd = %d", fd)
		end
		local data = pre
		if n and n < #data then
			pre = data:sub(n + 1)
			return data:sub(1, n)
		end
		pre = nil
		if n and n > #data then
			return data .. (socket.read(fd, n - #data)
				or fail("read failed fd = %d", fd))
		end
		return data
	end
	if pre == "" then
		pre = nil
	end
	channels.note(read, fd)
	return read
end

sockethelper.readall = socket.readall

-- The second write is the first one that could wait for an acknowledgement, so from then on the
-- socket sends small writes at once. Who writes once saves the system call.
function sockethelper.writefunc(fd)
	local writes = 0
	return function(content)
		if writes < 2 then
			writes = writes + 1
			if writes == 2 then
				driver.nodelay(fd)
			end
		end
		if not socket.write(fd, content) then
			fail("write failed fd = %d", fd)
		end
	end
end

-- The connection, or nil and why, within that time. Who comes too late is closed.
local function connect_within(host, port, timeout)
	local task, late = coroutine.running(), false
	local done, fd, why
	skynet.fork(function()
		local ok, id, err = pcall(socket.open, host, port)
		if late then
			if ok and id then
				socket.close(id)
			end
			return
		end
		done, fd, why = true, ok and id, ok and err or id
		skynet.wakeup(task)
	end)
	skynet.sleep(timeout)
	if not done then
		late = true
		return nil, "timeout"
	end
	return fd, why
end

function sockethelper.connect(host, port, timeout)
	local fd, why
	if timeout then
		fd, why = connect_within(host, port, timeout)
	else
		fd, why = socket.open(host, port)
	end
	return fd or fail("connect failed host = %s, port = %s: %s", host, port, why)
end

function sockethelper.close(fd)
	socket.close(fd)
end

function sockethelper.shutdown(fd)
	socket.shutdown(fd)
end

return sockethelper
