-- SPDX-License-Identifier: MIT
-- snax.gateserver: the frame of a gate, a service that listens and gives the frames of its clients
-- to a handler. It takes the socket messages of its service, which therefore cannot use
-- skynet.socket.
local skynet = require "skynet"
local netpack = require "skynet.netpack"
local driver = require "skynet.socketdriver"

local gateserver = {}

local listener           -- id, once open was called
local opening            -- true until the listener has told its address
local address, port      -- the actual ones
local queue              -- of netpack
local conf = {}          -- of open: maxclient, nodelay, handover
local admitted = {}      -- fd -> true from its connect to its CLOSE, which comes once for each
local room = 0           -- how many more there may be
local connected = {}     -- fd -> true; false: the peer is gone and the handler has not closed it

local function log(fmt, ...)
	skynet.error(fmt:format(...))
end

-- Begins to read.
function gateserver.openclient(fd)
	if connected[fd] then
		driver.start(fd)
	end
end

function gateserver.closeclient(fd)
	if connected[fd] ~= nil then
		connected[fd] = nil
		driver.close(fd)
	end
end

function gateserver.start(handler)
	assert(handler.message, "a gate needs handler.message")
	assert(handler.connect, "a gate needs handler.connect")

	local command = {}

	local function settle()
		if handler.settle then
			handler.settle()
		end
	end

	-- The node stops: what clients have said until now is served, what they say from now on is
	-- for the next life.
	local function pause_all()
		for fd, there in pairs(connected) do
			if there then
				driver.pause(fd)
			end
		end
		skynet.sleep(0) -- what was read before is in front of this
	end

	local function leave_all()
		settle() -- what was passed on changes what is known of a client
		for fd, there in pairs(connected) do
			local state = there and handler.handover(fd)
			if state ~= nil and state ~= false then
				local rest = netpack.rest(queue, fd)
				driver.keep(fd, listener, skynet.packstring(state, rest))
			end
		end
		settle() -- what is answered meanwhile goes to him before he goes
	end

	local function resume_all()
		for _, s in ipairs(driver.resume(listener)) do
			local fd, from = s[1], s[2]
			local state, rest = skynet.unpack(s[3])
			room = room - 1
			admitted[fd], connected[fd] = true, true
			if rest ~= "" then
				queue = netpack.feed(queue, fd, rest)
			end
			handler.resume(fd, from, state)
		end
	end

	function command.open(source, wanted)
		assert(not listener, "the gate is open already")
		if type(wanted) ~= "table" or not (wanted.port or wanted.address) then
			error("open of a gate needs a table with address and port", 0)
		end
		if wanted.handover and not (handler.handover and handler.resume) then
			error("a gate that hands over needs handler.handover and handler.resume", 0)
		end
		conf = wanted
		address = conf.address or "0.0.0.0"
		port = conf.port
		room = conf.maxclient or 1024
		opening = {}
		log("Listen on %s%s", address, port and ":" .. port or "")
		listener = driver.listen(address, port, conf.backlog)
		if skynet.sleep(1000, opening) ~= "BREAK" or opening.failed then
			local why = opening.failed or "no answer"
			listener, opening = nil, nil
			error("Listen error (" .. why .. ")")
		end
		opening = nil
		conf.address, conf.port = address, port
		if conf.nodelay ~= false then
			driver.nodelay(listener) -- its connections have it, too
		end
		-- what it passes on to agents with skynet.redirect (type client, session fd)
		driver.window(listener, not conf.backpressure and conf.backpressure ~= nil and 0
			or conf.backpressure)
		if conf.writelimit or conf.writepolicy then
			driver.writelimit(listener, conf.writelimit, conf.writepolicy)
		end
		if conf.proxy then
			driver.proxy(listener, conf.proxy)
		end
		driver.start(listener)
		local result = { n = 0 }
		if handler.open then
			result = table.pack(handler.open(source, conf))
		end
		if conf.handover then
			skynet.on_stop(pause_all, "before")
			skynet.on_stop(leave_all, "after")
			resume_all()
		end
		return table.unpack(result, 1, result.n)
	end

	function command.close()
		assert(listener, "the gate is not open")
		driver.close(listener)
	end

	local on = {}

	local function frame(fd, msg, size)
		if connected[fd] then
			handler.message(fd, msg, size)
		else
			log("Drop message from fd (%d) : %s", fd,
				netpack.tostring(msg, size):sub(1, 64))
		end
	end

	on.data = frame

	function on.more()
		local fd, msg, size = netpack.pop(queue)
		if fd then
			skynet.fork(on.more) -- goes on if a handler waits
			frame(fd, msg, size)
			for id, m, n in netpack.pop, queue do
				frame(id, m, n)
			end
		end
	end

	-- Of a client that finds no room the handler hears nothing but the end.
	function on.open(fd, from)
		if room <= 0 then
			return driver.shutdown(fd)
		end
		room = room - 1
		admitted[fd], connected[fd] = true, true
		return handler.connect(fd, from)
	end

	local function leave(fd)
		if admitted[fd] then
			admitted[fd] = nil
			room = room + 1
		end
		if connected[fd] then
			connected[fd] = false
		end
	end

	function on.close(fd)
		if fd == listener then
			if opening then
				opening.failed = "closed"
				skynet.wakeup(opening)
			end
			return
		end
		leave(fd)
		if handler.disconnect then
			handler.disconnect(fd)
		end
	end

	on["error"] = function(fd, why)
		if fd == listener then
			skynet.log("warning", "gateserver accept error: " .. why)
			if opening then
				opening.failed = why
				skynet.wakeup(opening)
			end
			return
		end
		driver.shutdown(fd)
		if handler.error then
			handler.error(fd, why)
		end
	end

	function on.warning(fd, kib)
		if handler.warning then
			handler.warning(fd, kib)
		end
	end

	function on.init(fd, at, actual)
		if opening and fd == listener then
			address, port = at, actual
			skynet.wakeup(opening)
		end
	end

	local function init()
		skynet.register_protocol {
			name = "socket",
			id = skynet.PTYPE_SOCKET,
			unpack = function(msg, size)
				return netpack.filter(queue, msg, size)
			end,
			dispatch = function(_, _, q, event, ...)
				queue = q
				if event then
					on[event](...)
				end
			end,
		}
		skynet.dispatch("lua", function(session, source, name, ...)
			local f = command[name]
			if f then
				skynet.retpack(f(source, ...))
			elseif session == 0 then
				handler.command(name, source, ...)
			else
				skynet.retpack(handler.command(name, source, ...))
			end
		end)
	end

	if handler.embed then
		init()
	else
		skynet.start(init)
	end
end

return gateserver
