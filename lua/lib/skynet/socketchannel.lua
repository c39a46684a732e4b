-- SPDX-License-Identifier: MIT
-- skynet.socketchannel: a TCP client that connects when it is needed and gives each request its
-- answer.
--
-- One connection is one object `link`; a task reads its answers. Who waits for an answer is a
-- waiter, in `link.line` (order mode: first come, first served) or `link.sessions` (session mode).
-- When a link ends, for whatever reason, all its waiters fail, and whoever holds the link object
-- sees that it is not the channel's any more. What programs hold is a shell around the channel: the
-- task that reads holds the channel, so only the shell can be collected.
local skynet = require "skynet"
local socket = require "skynet.socket"
local driver = require "skynet.socketdriver"

local RETRY_MAX <const> = 11 -- seconds between two tries, after which the waits begin anew

local socketchannel = {
	logintime = 3000, -- ours; cs for the auth of a channel whose description says login = true
}
local socket_error = setmetatable({}, { __tostring = function() return "[Error: socket]" end })
socketchannel.error = socket_error

local channel, shell = {}, {}
channel.__index = channel
shell.__index = shell

local function log(fmt, ...)
	skynet.error(fmt:format(...))
end

local function where(host, port)
	return port and host .. ":" .. port or host
end

-- ---- what response functions read from ----

local function sock_read(sock, n)
	return socket.read(sock[1], n) or error(socket_error)
end

local function sock_readline(sock, sep)
	return socket.readline(sock[1], sep) or error(socket_error)
end

-- ---- waiters ----

local function settle(w, ok, result)
	if not w.done then
		w.done, w.ok, w.result = true, ok, result
		skynet.wakeup(w)
	end
end

local function await(w)
	if not w.done then
		skynet.wait(w)
	end
	if w.ok then
		return w.result
	end
	error(w.result, w.prefix and 1 or 0)
end

local function late(self, what, cs)
	local text = "socket: no %s %s within %.2f s"
	return text:format(what, where(self.host, self.port), cs / 100)
end

-- One result of a response function. true: the waiter has all it waits for.
local function collect(w, ok, data, more)
	if ok and more then
		w.parts = w.parts or {}
		w.parts[#w.parts + 1] = data
		return false
	end
	if ok and w.parts then
		w.parts[#w.parts + 1] = data
		data = w.parts
	end
	w.prefix = not ok and type(data) == "string"
	settle(w, ok and true or false, data)
	return true
end

-- ---- the life of a link ----

-- The link is over: its waiters fail with err. gently: what was written still goes out.
local function drop(self, link, err, gently)
	if link.over then
		return
	end
	link.over = true
	if self.link == link then
		self.link = nil
	end
	local line, sessions = link.line, link.sessions
	link.line, link.sessions = {}, {}
	local prefix = type(err) == "string"
	for i = link.first, link.last do
		line[i].prefix = prefix
		settle(line[i], false, err)
	end
	link.first, link.last = 1, 0
	for _, w in pairs(sessions) do
		w.prefix = prefix
		settle(w, false, err)
	end
	if link.idle or link.waits then
		skynet.wakeup(link)
	end
	socket.onclose(link.fd, nil)
	if not gently then
		socket.shutdown(link.fd)
	end
	skynet.fork(socket.close, link.fd) -- waits for a reader
end

-- A response function raised `why`.
local function broken(self, link, why)
	if why ~= socket_error then
		log("socket: response failed: %s", tostring(why))
		why = type(why) == "string" and why or tostring(why)
	end
	drop(self, link, why)
end

local function read_in_order(self, link)
	while not link.over do
		local w = link.line[link.first]
		if not w then
			link.idle = true
			skynet.wait(link)
			link.idle = false
		else
			link.reading = true
			local raised, ok, data, more = pcall(w.response, link.sock)
			link.reading = false
			if link.over then
				return
			elseif not raised then
				return broken(self, link, ok)
			elseif collect(w, ok, data, more) then
				link.line[link.first] = nil
				link.first = link.first + 1
			end
		end
	end
end

local function read_by_session(self, link)
	if link.held then
		link.waits = true
		skynet.wait(link)
	end
	link.reading = true
	while not link.over do
		local raised, session, ok, data, more = pcall(self.by_session, link.sock)
		if link.over then
			return
		elseif not raised then
			return broken(self, link, session)
		end
		local w = session and link.sessions[session]
		if not w then
			log("socket: unknown session : %s", tostring(session))
		elseif collect(w, ok, data, more) then
			link.sessions[session] = nil
		end
	end
end

-- Bytes that may wait for a server that we chose ourselves: requests of our own, not those of a
-- stranger who does not read. A game that saves everything at once must not lose its connection.
local WRITE_LIMIT <const> = 256 * 1024 * 1024

local function watch_overload(self, fd)
	local overload, over = self.overload, false
	if overload then
		socket.warning(fd, function(_, kib)
			if kib == 0 then
				over = false
				overload(false)
			elseif over then
				log("WARNING: %d K bytes need to send out (fd = %d %s)", kib, fd,
					where(self.host, self.port))
			else
				over = true
				overload(true)
			end
		end)
	end
end

-- Connects to one address: true; or false and why.
local function connect_to(self, host, port)
	local raised, fd, err = pcall(socket.open, host, port)
	if not raised then
		return false, fd
	elseif not fd then
		return false, err
	elseif self.closed then
		socket.close(fd)
		return false, "channel closed"
	end
	if self.nodelay then
		driver.nodelay(fd)
	end
	local link = { fd = fd, line = {}, first = 1, last = 0, sessions = {} }
	link.sock = setmetatable({ fd }, self.sock_meta)
	self.link = link
	driver.writelimit(fd, self.writelimit or math.max(WRITE_LIMIT, driver.writelimit(fd) or 0))
	watch_overload(self, fd)
	if self.by_session then
		skynet.fork(read_by_session, self, link)
	else
		skynet.fork(read_in_order, self, link)
		socket.onclose(fd, function()
			if self.link == link and link.idle then
				log("socket closed by peer %s", where(host, port))
				drop(self, link, socket_error)
			end
		end)
	end
	self.moved = false
	self.authing = coroutine.running()
	local ok, why = true, nil
	if self.auth then
		local given, over = self.login and socketchannel.logintime, false
		local timer = given and skynet.timer(given, function()
			over = true
			drop(self, link, socket_error)
		end)
		ok, why = pcall(self.auth, self)
		if timer then
			timer:cancel()
		end
		if over then
			ok, why = false, ("no login at %s within %.2f s"):format(where(host, port),
				given / 100)
		end
	end
	self.authing = nil
	local moved = self.moved and (self.host ~= host or self.port ~= port)
	if not ok then
		if why ~= socket_error then
			log("socket: auth failed %s", tostring(why))
		end
		if self.link then
			drop(self, self.link, socket_error)
		end
		return false, why
	elseif self.link then
		if not moved then
			self.host, self.port = host, port
		end
		return true
	elseif self.closed then
		return false, "channel closed"
	elseif moved then
		return connect_to(self, self.host, self.port) -- auth knows a better address
	end
	return false, "closed in auth"
end

-- The next backup address that this pass has not tried, or nil.
local function next_backup(self, tried)
	for _, b in ipairs(self.backup or {}) do
		local host, port = b, self.main_port
		if type(b) == "table" then
			host, port = b.host, b.port
		end
		if not tried[where(host, port)] then
			return host, port
		end
	end
end

-- One pass over all addresses: true; or false and why.
local function connect_pass(self)
	self.main_port = self.port
	local host, port = self.host, self.port
	local tried, why = {}, nil
	local had_backup = next_backup(self, { [where(host, port)] = true })
	while host do
		tried[where(host, port)] = true
		local ok, err = connect_to(self, host, port)
		if ok then
			return true
		end
		tried[where(self.host, self.port)] = true
		why = err
		log("socket: connect to %s failed: %s", where(host, port), tostring(err))
		if self.closed then
			return false, why
		end
		host, port = next_backup(self, tried)
		if host then
			log("socket: try backup %s", where(host, port))
		end
	end
	return false, had_backup and "no more backup host" or why
end

-- Connects, as the one task that does. Whoever comes meanwhile waits in self.connecting.
local function connect(self, once)
	local waiting = self.connecting or {}
	local raised, ok, why
	self.connecting = waiting
	local guard <close> = setmetatable({},
		{ __close = function() -- also when this task is killed
		self.connecting = nil
		for _, token in ipairs(waiting) do
			token.ok = ok and not self.closed
			token.ready = true
			skynet.wakeup(token)
		end
	end })
	local wait = 0
	while true do
		raised, ok, why = pcall(connect_pass, self)
		if not raised then
			ok, why = false, ok
		end
		self.why = not ok and tostring(why) or nil
		if ok or once or self.closed then
			break
		end
		log("socket: connect to %s again in %d s", where(self.host, self.port), wait)
		skynet.sleep(wait * 100)
		wait = wait == RETRY_MAX and 1 or wait + 1
	end
	if not ok then
		error(socket_error)
	end
	return true
end

-- Waits for the task that connects, until a time that is given or not.
local function wait_for_link(self, token, cs)
	table.insert(self.connecting, token)
	if token.ready then
		return
	elseif not cs then
		skynet.wait(token)
	elseif skynet.sleep(cs, token) ~= "BREAK" and not token.ready then
		error(late(self, "connection to", cs), 0)
	end
end

-- Returns the link, or raises. once: one pass over the addresses. cs: the longest to wait for it.
local function linked(self, once, cs)
	local me = coroutine.running()
	if self.link and (not self.authing or self.authing == me) then
		return self.link
	end
	if self.authing == me then
		error(socket_error) -- lost in auth
	end
	assert(not self.closed)
	if cs and not self.connecting then
		-- a task of its own connects: it goes on for those who come later
		skynet.fork(pcall, connect, self, once)
		self.connecting = {}
	end
	while self.connecting do
		local token = {}
		wait_for_link(self, token, cs)
		if not token.ok or not self.link then
			error(socket_error)
		elseif not self.authing then
			return self.link
		end
	end
	connect(self, once)
	return self.link or error(socket_error)
end

-- ---- what programs call ----

local function meta_of(desc)
	local index = {
		read = desc.socket_read or sock_read,
		readline = desc.socket_readline or sock_readline,
	}
	return { __index = index }
end

-- channel { host =, port =, backup =, response =, auth =, nodelay =, overload =, socket_read =,
-- socket_readline =, writelimit =, gather =, login = }; the last three are ours.
function socketchannel.channel(desc)
	local self = setmetatable({
		host = assert(desc.host, "a channel needs a host"),
		port = desc.port,
		backup = desc.backup,
		by_session = desc.response,
		auth = desc.auth,
		nodelay = desc.nodelay,
		overload = desc.overload,
		writelimit = desc.writelimit,
		gather = desc.gather and not desc.response,
		login = desc.login,
		sock_meta = meta_of(desc),
		closed = false,
	}, channel)
	return setmetatable({ inner = self }, shell)
end

function channel:connect(once)
	skynet.checkwait()
	self.closed = false
	linked(self, once)
	return true
end

-- Nobody has answered w in time. A server that is silent while it is its turn has lost its way:
-- the connection ends. What comes late otherwise is read, and is nobody's.
local function expire(self, link, w, cs)
	settle(w, false, late(self, "answer from", cs))
	if self.by_session then
		link.sessions[w.response] = nil
	elseif link.line[link.first] == w then
		drop(self, link, socket_error)
	end
	w.prefix = true
end

local function wait_in(self, link, response, cs)
	local w = { response = response }
	if link.over then
		error(socket_error)
	elseif self.by_session then
		assert(not link.sessions[response], "the session is in use")
		link.sessions[response] = w
	else
		link.last = link.last + 1
		link.line[link.last] = w
		if link.idle then
			skynet.wakeup(link)
		end
	end
	if cs and not w.done and skynet.sleep(cs, w) ~= "BREAK" and not w.done then
		expire(self, link, w, cs)
	end
	return await(w)
end

-- What is written goes through the connection's other language, if it has one.
local function put(link, req)
	local seal = link.seal
	return socket.write(link.fd, seal and seal(req) or req)
end

-- ---- many small requests, one write ----
--
-- Tasks that one packet of answers has woken run one behind the other, and what each of them asks
-- next would be a call of the system. Their requests are written together, by a task that runs when
-- they wait. A request that finds nobody waiting is written at once.
local GATHER <const> = 4096 -- bytes of a request that is worth it

local function flush(self, link)
	local out = link.out
	link.out = nil
	if out and not link.over and not put(link, out) then
		drop(self, link, socket_error)
	end
end

-- Returns whether the request will be written with others. Otherwise it is the next to be written.
local function gathers(self, link, req, response, padding)
	if response and not padding and link.last >= link.first and #req <= GATHER then
		local out = link.out
		if out then
			out[#out + 1] = req
		else
			link.out = { req }
			skynet.fork(flush, self, link)
		end
		return true
	end
	flush(self, link)
	return false
end

-- cs, ours: the longest to wait for the connection, and then for the answer.
function channel:request(req, response, padding, cs)
	if response or not self.link then
		skynet.checkwait()
	end
	local link = linked(self, true, cs)
	local fd, ok = link.fd, nil
	if self.gather and gathers(self, link, req, response, padding) then
		return wait_in(self, link, response, cs)
	elseif padding and link.seal then -- one language has one order
		ok = put(link, req)
		for i = 1, #padding do
			ok = ok and put(link, padding[i])
		end
	elseif padding then
		ok = socket.lwrite(fd, req)
		for i = 1, #padding do
			ok = ok and socket.lwrite(fd, padding[i])
		end
	else
		ok = put(link, req)
	end
	if not ok then
		drop(self, link, socket_error)
		error(socket_error)
	end
	if response then
		return wait_in(self, link, response, cs)
	end
end

function channel:response(response, cs)
	assert(response, "whose response?")
	skynet.checkwait()
	return wait_in(self, linked(self, false, cs), response, cs)
end

-- Ours, for `auth`, in session mode as the first thing that it does: from here on the connection
-- speaks another language, as TLS. wrap(fd) begins it and returns what is written with,
-- seal(request) -> bytes, and the methods of `sock` that read.
function channel:through(wrap)
	local link = self.link
	if not link or self.authing ~= coroutine.running() or link.reading then
		error("socket: a channel changes its language only in its auth, while it does not "
			.. "read", 2)
	end
	link.held = true -- in session mode its task has not begun to read
	local seal, methods = wrap(link.fd)
	link.held = false
	link.seal = seal
	for name, method in pairs(methods) do
		link.sock[name] = method
	end
	if link.waits then
		link.waits = false
		skynet.wakeup(link)
	end
end

-- Ours, in session mode: the request of that session fails with `why` now; its answer, if it comes,
-- is of an unknown session. false: nobody waits for it.
function channel:cancel(session, why)
	local link = self.link
	local w = link and link.sessions[session]
	if not w then
		return false
	end
	link.sessions[session] = nil
	settle(w, false, why)
	return true
end

function channel:close()
	if not self.closed then
		self.closed = true
		local link = self.link
		if link then
			drop(self, link, link.reading and socket_error or "channel_closed", true)
		end
	end
end

function channel:changehost(host, port)
	self.host = host
	self.port = port
	self.moved = true
	if not self.closed and self.link then
		drop(self, self.link, socket_error)
	end
end

function channel:changebackup(list)
	self.backup = list
end

-- Ours: the connection ends, the next request makes a new one.
function channel:reset()
	if self.link then
		drop(self, self.link, socket_error)
	end
end

-- Ours: why the last try to connect failed, a text, or nil.
function channel:lasterror()
	return self.why
end

for name, f in pairs(channel) do
	if name ~= "__index" then
		shell[name] = function(self, ...)
			return f(self.inner, ...)
		end
	end
end

-- Nothing that waits can run here; the task that reads sees the end and cleans up.
function shell:__gc()
	self.inner.closed = true
	if self.inner.link then
		driver.shutdown(self.inner.link.fd)
	end
end

return socketchannel
