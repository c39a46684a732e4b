-- SPDX-License-Identifier: MIT
-- clustersender: our requests to one other node, over one connection.
--
-- The connection is made by clusterd's changenode, and anew by the first request after it was lost:
-- one try, a request fails with its reason. A call does not wait for ever for a node that is
-- frozen, or cut off, whose kernel may still take what we send: while one waits and nothing comes
-- for PATIENCE, the node is asked for a name, a request that each node of skynet answers; no answer
-- within that time: the connection is closed and what waits on it fails. What else goes beyond the
-- original is off unless the configuration asks for it:
--   __reconnect = true      a lost connection is tried again by itself, after 1, 2, 4 ... 30 s
--   __heartbeat = seconds   in place of PATIENCE, and also while no call waits; false: never
-- __key = "secret"        the node must know it, and is shown that we do, before any request goes
-- out (key.lua)
local skynet = require "skynet"
local commands = require "skynet.commands"
local core = require "skynet.cluster.core"
local channels = require "skynet.socketchannel"
local socket = require "skynet.socket"
local driver = require "skynet.socketdriver"
local answers = require "skynet.cluster.answers"
local key = require "skynet.cluster.key"
local missed = require "skynet.cluster.missed"
local tracing = require "skynet.cluster.tracing"

local LATE_MAX <const> = 65536 -- answers that may come after their deadline, per connection
local RECONNECT_MAX <const> = 30
local PATIENCE <const> = 1000
local KEY_PATIENCE <const> = 500 -- centiseconds for each answer about the key

local node, host, port = ...
port = math.tointeger(port)

local channel
local options = {}
local down = false       -- declared so by the configuration
local session = 1        -- the next one
local asked = {}         -- session -> true: its answer is waited for
local late = {}          -- session -> true: nobody waits any more, the answer may come
local late_count = 0
local book               -- of the answers in parts on this connection
local reconnecting, reconnect_delay = false, 1
local heard = 0          -- skynet.now() of the last frame
local fd                 -- of the connection
local beating, connected = false, false

local function place()
	return ("cluster node [%s] %s:%s"):format(node, host, port)
end

-- ---- sends that do not arrive ----

local LOOK <const> = 20 -- cs

local ends = {}                    -- where on the connection each send ends that may be under way
local first, last, written = 1, 0, 0
local looking = false              -- a timer will
local misses = missed.new(node)

-- Forgets the sends that the other end's system has, and looks again while there are others. At
-- each send this would cost a call of the system.
local function look()
	local arrived = written - (fd and core.unsure(fd) or 0)
	while first <= last and ends[first] <= arrived do
		ends[first] = nil
		first = first + 1
	end
	looking = first <= last
	if looking then
		skynet.timeout(LOOK, look)
	end
end

-- A send went into the connection.
local function wrote(bytes)
	written = written + bytes
	last = last + 1
	ends[last] = written
	if not looking then
		looking = true
		skynet.timeout(LOOK, look)
	end
end

-- The connection is over.
local function lose(why)
	local n = last - first + 1
	ends, first, last, written, fd = {}, 1, 0, 0, nil
	if n > 0 then
		misses:count(0, n, why)
	end
end

-- ---- answers ----

local function failure(text)
	return { why = text } -- a table passes the channel as it is
end

local function settled(id)
	asked[id] = nil
	book:forget(id)
end

local function read_answer(sock)
	while true do
		local body = sock:read(socket.header(sock:read(2)))
		heard = skynet.now()
		local id, kind, data = core.unpackresponse(body)
		if not id then
			skynet.error(("%s: %s"):format(place(), kind))
			error(channels.error)
		elseif asked[id] then
			local ok, value, more = book:take(id, kind, data)
			if not more then
				settled(id)
			end
			return id, ok, ok and value or failure(value), more
		elseif not late[id] then
			return id, false, ""
		elseif kind == "ok" or kind == "error" or kind == "last" then
			late[id] = nil
			late_count = late_count - 1
		end
	end
end

-- ---- the connection ----

local reconnect

local function sock_read(sock, n)
	fd = sock[1]
	if n == 0 then
		return ""
	end
	local data = socket.read(fd, n)
	if not data then
		lose "the connection was lost"
		if options.reconnect and not down then
			skynet.fork(reconnect)
		end
		error(channels.error)
	end
	return data
end

local function next_session()
	while asked[session] or late[session] do
		session = session % 0x7fffffff + 1
	end
	return session
end

-- A request of the connection's own, in one frame: its bytes, and the session under which its
-- answer is waited for.
local function own_request(address, ...)
	local id, request = next_session(), nil
	request, session = core.packrequest(address, id, skynet.packstring(...))
	asked[id] = true
	return request, id
end

-- How long nothing may come until the node is asked, and then until it answers; nil: for ever.
local function patience()
	local seconds = options.heartbeat
	if seconds == nil then
		return PATIENCE
	end
	return seconds and math.max(1, math.floor(seconds * 100))
end

-- Bytes that have gone out, if more wait to.
local function progress()
	local waits = fd and driver.queued(fd) or 0
	return waits > 0 and written - waits
end

-- false: there is no connection any more.
local function ask(interval)
	local seen, gone = heard, progress()
	local ping, id = own_request(0, "heartbeat")
	local function judge()
		local now_gone = progress()
		if not asked[id] or heard ~= seen then
			return
		elseif now_gone and now_gone ~= gone then
			gone = now_gone -- the question stands behind what is still on its way
			return skynet.timeout(interval, judge)
		end
		skynet.error(("%s: no heartbeat for %d s"):format(place(), (2 * interval) // 100))
		for waiting in pairs(asked) do
			channel:cancel(waiting, failure "heartbeat timeout")
		end
		channel:changehost(host, port) -- ends the connection
	end
	skynet.timeout(interval, judge)
	written = written + #ping
	local ok = pcall(channel.request, channel, ping, id)
	settled(id)
	return ok or heard ~= seen
end

local function heartbeat()
	local since = skynet.now()
	local interval = patience()
	while interval and not down and (options.heartbeat or next(asked)) do
		local left = math.max(heard, since) + interval - skynet.now()
		if left > 0 then
			skynet.sleep(left)
		else
			since = skynet.now()
			if not ask(interval) then
				break -- until there is a connection again
			end
		end
		interval = patience()
	end
	beating = false
end

local function begin_heartbeat()
	if not beating and connected and patience() and (options.heartbeat or next(asked)) then
		beating = true
		skynet.fork(heartbeat)
	end
end

-- A request of the connection itself: its answer's values, or raises.
local function ask_in_auth(...)
	local request, id = own_request(key.ADDRESS, ...)
	local timer = skynet.timer(KEY_PATIENCE, function()
		channel:cancel(id, failure "no answer about the cluster key")
	end)
	local ok, answer = pcall(channel.request, channel, request, id)
	timer:cancel()
	settled(id)
	if not ok then
		error(type(answer) == "table" and answer.why or "the connection was lost", 0)
	end
	return skynet.unpack(answer)
end

-- After each connect, before requests go out.
local function on_connect()
	lose "the connection was lost"
	asked, late, late_count, book = {}, {}, 0, answers.new()
	heard = skynet.now()
	if options.key then
		key.connect(options.key, ask_in_auth)
	end
	reconnect_delay = 1
	connected = true
	begin_heartbeat()
end

local function connect()
	local ok, why = pcall(channel.connect, channel, true)
	if ok then
		return true
	elseif why == channels.error then
		why = channel:lasterror() or "the connection was lost"
	end
	return false, ("%s: %s"):format(place(), tostring(why))
end

function reconnect()
	if reconnecting then
		return
	end
	reconnecting = true
	repeat
		skynet.sleep(reconnect_delay * 100)
		reconnect_delay = math.min(reconnect_delay * 2, RECONNECT_MAX)
	until down or not options.reconnect or connect()
	reconnecting = false
end

-- ---- requests ----

-- Raises unless there is a connection; it may be made here. Whoever waits for it goes on in the
-- order of coming.
local function ensure_connection()
	if down then
		error(("cluster node [%s] is down"):format(node), 0)
	end
	local ok, why = connect()
	if not ok then
		error(why, 0)
	end
end

local command = {}

local function reason(why)
	if type(why) == "table" and why.why then
		return why.why
	elseif why == channels.error then
		return ("%s: %s"):format(place(), channel:lasterror() or "the connection was lost")
	end
	return tostring(why)
end

local function sizes(head, parts)
	local bytes = #head
	for _, part in ipairs(parts or {}) do
		bytes = bytes + #part
	end
	return bytes
end

-- Sends and waits; returns the answer's bytes or raises.
local function exchange(address, msg, size, ti)
	msg = type(msg) == "userdata" and skynet.tostring(msg, size) or msg
	ensure_connection()
	local id = next_session()
	local head, parts
	local trace = tracing.frame(node, id)
	head, session, parts = core.packrequest(address, id, msg)
	if trace then
		if parts then
			table.insert(parts, 1, head)
			head = trace
		else
			head = trace .. head
		end
	end
	asked[id] = true
	if not beating then
		begin_heartbeat()
	end
	if ti then
		skynet.timeout(ti, function()
			if asked[id] and channel:cancel(id, failure "timeout") then
				settled(id)
				if late_count < LATE_MAX then
					late[id] = true
					late_count = late_count + 1
				end
			end
		end)
	end
	written = written + sizes(head, parts)
	local ok, answer = pcall(channel.request, channel, head, id, parts)
	if not ok then
		error(answer, 0)
	end
	answer = type(answer) == "table" and table.concat(answer) or answer
	if core.haspointer(answer) then
		error(failure(core.pointer), 0)
	end
	return answer
end

-- req(address, message[, size[, centiseconds]])
function command.req(address, msg, size, ti)
	local ok, answer = pcall(exchange, address, msg, size, ti)
	if ok then
		skynet.ret(answer)
		return
	end
	local why = reason(answer)
	skynet.error(("cluster call to [%s] failed: %s"):format(node, why))
	-- the caller's call puts its own in front
	why = why:gsub("^call failed: ", "")
	skynet.response()(false, why)
end

-- push(address, message[, size])
function command.push(address, msg, size)
	msg = type(msg) == "userdata" and skynet.tostring(msg, size) or msg
	local ok, why = pcall(function()
		ensure_connection()
		local head, parts
		head, session, parts = core.packpush(address, next_session(), msg)
		channel:request(head, nil, parts)
		wrote(sizes(head, parts))
	end)
	if not ok then
		misses:count(1, 0, reason(why))
	end
end

function command.options(new_options)
	options = new_options
	begin_heartbeat()
end

-- changenode(host, port[, options]) or changenode(false): true when connected, else false and why
function command.changenode(new_host, new_port, new_options)
	options = new_options or options
	if not new_host then
		skynet.error(("Close cluster sender %s:%s"):format(host, port))
		down = true
		channel:close()
		skynet.retpack(false, ("cluster node [%s] is down"):format(node))
		return
	end
	if down or new_host ~= host or new_port ~= port then
		if not down then
			skynet.error(("Close cluster sender %s:%s"):format(host, port))
		end
		host, port = new_host, new_port
		channel:changehost(host, port)
	end
	down = false
	skynet.retpack(connect())
end

skynet.start(function()
	channel = channels.channel {
		host = host,
		port = port,
		response = read_answer,
		auth = on_connect,
		socket_read = sock_read,
		nodelay = true,
		writelimit = 512 * 1024 * 1024, -- a message of 256 MiB and what waits behind it
	}
	commands.serve { answers = command }
end)
