-- SPDX-License-Identifier: MIT
-- skynet.cluster.stream: one connection between two gateways, in TLS if there is a key: frames go
-- out, frames come in. What is written while messages are served goes out together. A message in
-- parts goes behind what others write, a window at a time, and so does what its sender writes until
-- it is out: it holds nobody up, and a sender's messages stay in their order.
local skynet = require "skynet"
local socket = require "skynet.socket"
local driver = require "skynet.socketdriver"

local stream = {}
stream.__index = stream

local WINDOW <const> = 512 * 1024 -- bytes of messages in parts that the kernel has not taken
local TICK <const> = 1            -- centiseconds to the next look at that

-- ---- keys ----

local contexts = {} -- file -> ltls.context

local function context(file)
	if not contexts[file] then
		local ctx = require "http.tlshelper".newctx()
		ctx:load_keys(file) -- raises what is wrong with it
		contexts[file] = ctx
	end
	return contexts[file]
end

-- ---- opening ----

-- new(fd, method, file) -> the stream of a socket that this service has started. method: "client",
-- who has connected, or "server". file: of the key, or nil. Yields for the handshake. Raises, and
-- does not close the socket.
function stream.new(fd, method, file)
	local self = setmetatable({
		fd = fd, rest = "",
		out = {}, out_bytes = 0,
		slow = {}, first = 1, last = 0, slow_bytes = 0,
		behind = {}, -- sender -> how many frames of it are in slow
	}, stream)
	driver.nodelay(fd)
	if file then
		local helper = require "http.tlshelper"
		local tls = helper.newtls(method, context(file))
		local init = method == "client" and helper.init_requestfunc
			or helper.init_responsefunc
		local ok, why = pcall(init(fd, tls))
		if not ok then
			error("no TLS with our key: " .. tostring(why), 0)
		end
		self.tls, self.rest = tls, tls:read()
	end
	return self
end

-- Whoever closes the socket says so: nothing is written any more.
function stream:over()
	self.closed = true
	self.out, self.slow, self.first, self.last = {}, {}, 1, 0
end

-- ---- writing ----

-- Bytes that the kernel has not taken.
function stream:queued()
	return driver.queued(self.fd) + self.out_bytes + self.slow_bytes
end

local function put(self, frames)
	driver.send(self.fd, self.tls and self.tls:write(table.concat(frames)) or frames)
end

-- The next window of frames that stand behind.
local function put_slow(self)
	local room, frames = WINDOW - driver.queued(self.fd), {}
	while room > 0 and self.first <= self.last do
		local frame = self.slow[self.first]
		self.slow[self.first] = nil
		self.first = self.first + 1
		local n = self.behind[frame.sender] - 1
		self.behind[frame.sender] = n > 0 and n or nil
		frames[#frames + 1] = frame.bytes
		room = room - #frame.bytes
		self.slow_bytes = self.slow_bytes - #frame.bytes
	end
	if #frames > 0 then
		put(self, frames)
	end
end

local function flush(self)
	self.flushing = false
	if self.closed then
		return
	end
	if #self.out > 0 then
		local frames = self.out
		self.out, self.out_bytes = {}, 0
		put(self, frames)
	end
	if self.first <= self.last then
		put_slow(self)
	end
	if self.first <= self.last and not self.flushing then
		self.flushing = true
		skynet.timeout(TICK, function() flush(self) end)
	end
end

local function stand_behind(self, bytes, sender)
	self.last = self.last + 1
	self.slow[self.last] = { bytes = bytes, sender = sender }
	self.slow_bytes = self.slow_bytes + #bytes
	self.behind[sender] = (self.behind[sender] or 0) + 1
end

-- write(frame, sender[, more]): a frame, and the array of those that belong to it. sender: any
-- value; what one sender writes goes out in its order.
function stream:write(frame, sender, more)
	if self.closed then
		return
	elseif more or self.behind[sender] then
		stand_behind(self, frame, sender)
		for i = 1, more and #more or 0 do
			stand_behind(self, more[i], sender)
		end
	else
		self.out[#self.out + 1] = frame
		self.out_bytes = self.out_bytes + #frame
	end
	if not self.flushing then
		self.flushing = true
		skynet.timeout(0, function() flush(self) end) -- behind what is in the mailbox now
	end
end

-- ---- reading ----

-- More bytes, or nil and why there are none.
local function receive(self)
	local data = socket.read(self.fd)
	if not data then
		return nil, "it was closed there"
	elseif self.tls then
		local ok, text = pcall(self.tls.read, self.tls, data)
		if not ok then
			return nil, tostring(text)
		end
		data = text
	end
	return data
end

-- frame() -> the body of the next frame, or nil and why there is none. Yields if it is not here.
function stream:frame()
	local rest = self.rest
	while #rest < 2 or #rest < 2 + (rest:byte(1) << 8 | rest:byte(2)) do
		local data, why = receive(self)
		if not data then
			return nil, why
		end
		rest = rest .. data
	end
	local size = rest:byte(1) << 8 | rest:byte(2)
	self.rest = rest:sub(3 + size)
	return rest:sub(3, 2 + size)
end

-- each(f) -> why it ended: f(body) for every frame that comes, until it returns a text.
function stream:each(f)
	local rest = self.rest
	while true do
		local at, size = 1, #rest
		while size - at >= 1 do
			local from = at + 2
			local to = from + (rest:byte(at) << 8 | rest:byte(at + 1)) - 1
			if to > size then
				break
			end
			local why = f(rest:sub(from, to))
			if why then
				return why
			end
			at = to + 1
		end
		rest = rest:sub(at)
		local data, why = receive(self)
		if not data then
			return why
		end
		rest = rest .. data
	end
end

return stream
