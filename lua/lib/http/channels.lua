-- SPDX-License-Identifier: MIT
--
-- What is known of a read function besides reading: its socket, and bytes behind a message that
-- were read with it. So a program that calls httpd.read_request again with the same function gets
-- the next request of the connection, and one that is too slow is cut off, with TLS and without.
local skynet = require "skynet"
local socket = require "skynet.socket"

local channels = {}

local state = {}
state.__index = state

-- After so many requests of one connection that were there already others have their turn.
local TURN <const> = 64

local states = setmetatable({}, { __mode = "k" }) -- read -> its state

local function state_of(read)
	local self = states[read]
	if not self then
		self = setmetatable({ uses = 0 }, state)
		states[read] = self
	end
	return self
end

-- The function reads from that socket. write: the function that writes to it, where there is a
-- cipher. kept: returns how many bytes the function has taken from the socket and not returned.
function channels.note(read, fd, write, kept)
	local self = state_of(read)
	self.fd, self.write, self.kept = fd, write, kept
end

function channels.unread(read, bytes)
	if bytes ~= "" then
		state_of(read).rest = bytes
	end
end

-- What was unread, or nil. Now and then it waits until the others of the service had their turn.
function channels.rest(read)
	local self = states[read]
	local bytes = self and self.rest
	if bytes then
		self.rest = nil
		self.row = (self.row or 0) + 1
		if self.row % TURN == 0 then
			skynet.yield()
		end
	end
	return bytes
end

-- Bytes that have come and that nobody has asked for, as far as that is known.
function channels.pending(read)
	local self = states[read]
	if not self then
		return 0
	end
	return (self.fd and socket.unread(self.fd) or 0) + (self.kept and self.kept() or 0)
		+ (self.rest and #self.rest or 0)
end

-- Writes to the socket of a read function, if it is known.
function channels.write(read, bytes)
	local self = states[read]
	if self and self.write then
		self.write(bytes)
	elseif self and self.fd then
		socket.write(self.fd, bytes)
	end
end

-- ---- time ----

local function arm(self, ti)
	self.fires = skynet.now() + ti
	self.timer = skynet.timer(ti, function()
		local deadline = self.deadline
		self.timer = nil
		if deadline then
			local left = deadline - skynet.now()
			if left > 0 then
				arm(self, left)
			else
				socket.shutdown(self.fd)
			end
		end
	end)
end

-- The peer may have more time: for so many bytes at 1,000 a second.
function state:allow(bytes)
	self.deadline = self.deadline + bytes // 10
end

-- last: nothing more is expected. From the second use on a timer is left to run for those that
-- follow: it looks at the deadline only when it fires.
function state:done(last)
	self.deadline = nil
	if self.timer and (last or self.uses == 1) then
		self.timer:cancel()
		self.timer = nil
	end
end

local free = { allow = function() end, done = function() end }

-- The socket of this function ends unless :done() is called within that time. An unknown one does
-- not.
function channels.guard(read, ti)
	local self = states[read]
	if not (self and self.fd and ti) then
		return free
	end
	self.uses = self.uses + 1
	self.deadline = skynet.now() + ti
	if self.timer and self.fires > self.deadline then
		self.timer:cancel()
		self.timer = nil
	end
	if not self.timer then
		arm(self, ti)
	end
	return self
end

return channels
