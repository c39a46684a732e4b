-- SPDX-License-Identifier: MIT
--
-- What is known of a read function besides reading: its socket, and bytes behind a message that
-- were read with it. So a program that calls httpd.read_request again with the same function gets
-- the next request of the connection, and one that is too slow is cut off, with TLS and without.
local skynet = require "skynet"
local socket = require "skynet.socket"

local channels = {}

local sockets = setmetatable({}, { __mode = "k" })
-- Only where bytes are not written as they are.
local writers = setmetatable({}, { __mode = "k" })
local keepers = setmetatable({}, { __mode = "k" })
local rests = setmetatable({}, { __mode = "k" })

-- The function reads from that socket. write: the function that writes to it, where there is a
-- cipher. kept: returns how many bytes the function has taken from the socket and not returned.
function channels.note(read, fd, write, kept)
	sockets[read] = fd
	writers[read] = write
	keepers[read] = kept
end

function channels.unread(read, bytes)
	if bytes ~= "" then
		rests[read] = bytes
	end
end

-- What was unread, or nil.
function channels.rest(read)
	local bytes = rests[read]
	if bytes then
		rests[read] = nil
	end
	return bytes
end

-- Bytes that have come and that nobody has asked for, as far as that is known.
function channels.pending(read)
	local fd, kept, rest = sockets[read], keepers[read], rests[read]
	return (fd and socket.unread(fd) or 0) + (kept and kept() or 0) + (rest and #rest or 0)
end

-- Writes to the socket of a read function, if it is known.
function channels.write(read, bytes)
	local fd, write = sockets[read], writers[read]
	if write then
		write(bytes)
	elseif fd then
		socket.write(fd, bytes)
	end
end

-- ---- time ----

local guard = {}
guard.__index = guard

local function arm(self, ti)
	self.timer = skynet.timer(ti, function()
		local left = self.deadline - skynet.now()
		if left > 0 then
			arm(self, left)
		else
			socket.shutdown(self.fd)
		end
	end)
end

-- The peer may have more time: for so many bytes at 1,000 a second.
function guard:allow(bytes)
	self.deadline = self.deadline + bytes // 10
end

function guard:done()
	self.timer:cancel()
end

local free = { allow = function() end, done = function() end }

-- The socket of this function ends unless :done() is called within that time. An unknown one does
-- not.
function channels.guard(read, ti)
	local fd = sockets[read]
	if not (fd and ti) then
		return free
	end
	local self = setmetatable({ fd = fd, deadline = skynet.now() + ti }, guard)
	arm(self, ti)
	return self
end

return channels
