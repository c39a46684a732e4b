-- SPDX-License-Identifier: MIT
-- federationlink: in a gateway, the requests of its cluster to one other, over one connection to
-- one of that one's gateways. It is kept up: a gateway that is lost is tried again, and the next
-- one of its cluster. While there is none each request fails at once.
--
-- What waits is bounded, in bytes that the connection has not taken and in calls; what is above
-- that is refused. A sender's messages leave in their order.
local skynet = require "skynet"
local core = require "skynet.cluster.core"
local driver = require "skynet.socketdriver"
local socket = require "skynet.socket"
local answers = require "skynet.cluster.answers"
local federation = require "skynet.cluster.federation"
local streams = require "skynet.cluster.stream"
local tracing = require "skynet.cluster.tracing"

local CALLS_MAX <const> = 65536       -- that wait for answers
local NODE_MAX <const> = CALLS_MAX // 2 -- of them from one node of this cluster
local LATE_MAX <const> = 65536        -- answers that may come when nobody waits any more
local MAILBOX_MAX <const> = 65536     -- messages of this cluster that we have not come to
local STRAYS_MAX <const> = 1000       -- answers that nobody asked for, on one connection
local CONNECT_TIME <const> = 300      -- centiseconds for each address
local HELLO_TIME <const> = 500
local HELLO_MAX <const> = 1024        -- bytes of an answer to it
local DELAY_MIN <const>, DELAY_MAX <const> = 10, 500 -- centiseconds between rounds of tries
local TELL <const> = 100              -- centiseconds between lines about what is dropped

local OWN <const> = -1  -- in asked: by ourselves
local LATE <const> = -2 -- who asked does not wait any more

local name, daemon = ...
daemon = math.tointeger(daemon)

-- Of federationd: cluster, node, addresses = { "host:port" ... }, key_file, queue = bytes, beat =
-- and dead = centiseconds
local terms

local stream            -- while the connection is up
local place, gateway    -- the address that was tried last, and who is there
local since = 0         -- skynet.now() of the last change
local why_down = "not connected yet"
local told = {}         -- address -> what the log said about it
local heard             -- skynet.now() of the last frame
local book              -- of answers in parts
local parts             -- id -> pieces of an answer under way
local strays

local late = 0               -- how many are LATE
local asked, waiting = {}, 0 -- id -> source << 31 | session, which is positive; or OWN, LATE
local of_node = {}           -- harbor id -> how many of them
local session = 1            -- the next id

local count = { calls = 0, sends = 0, errors = 0, refused = 0, strays = 0, losses = 0 }
local dropped, telling = 0, false

-- ---- what becomes of requests ----

local function settle(source, id_of_caller, kind, text)
	skynet.redirect(source, skynet.self(), kind, id_of_caller, text)
end

-- A send that is not delivered is told to nobody but the log, which it must not fill.
local function tell_dropped(why)
	dropped = dropped + 1
	if telling then
		return
	end
	telling = true
	skynet.log("warning", ("federation: a message to cluster %s is dropped: %s")
		:format(name, why))
	skynet.timeout(TELL, function()
		telling = false
		if dropped > 1 then
			skynet.log("warning", ("federation: %d messages to cluster %s were dropped")
				:format(dropped, name))
		end
		dropped = 0
	end)
end

local function refuse(source, id_of_caller, why)
	count.refused = count.refused + 1
	if id_of_caller > 0 then
		settle(source, id_of_caller, "error", ("cluster %s: %s"):format(name, why))
	else
		tell_dropped(why)
	end
end

-- Takes the request out of the books: who waits for it, or nil.
local function take(id)
	local who = asked[id]
	asked[id] = nil
	parts[id] = nil
	book:forget(id)
	if who and who >= 0 then
		waiting = waiting - 1
		local node = who >> 55
		of_node[node] = of_node[node] - 1
		return who >> 31, who & 0x7fffffff
	end
end

local function down(why)
	if not stream then
		return
	end
	local lost = asked
	stream:over()
	skynet.fork(socket.close, stream.fd)
	stream, since, why_down = nil, skynet.now(), ("%s: %s"):format(place, why)
	count.losses = count.losses + 1
	asked, waiting, late, of_node = {}, 0, 0, {}
	local text = ("cluster %s: the connection to %s (%s) was lost: %s")
		:format(name, gateway, place, why)
	skynet.log("warning", "federation: " .. text)
	for _, who in pairs(lost) do
		if who >= 0 then
			count.errors = count.errors + 1
			settle(who >> 31, who & 0x7fffffff, "error", text)
		end
	end
	skynet.send(daemon, "lua", "down", name)
end

-- ---- requests ----

local function next_id()
	while asked[session] do
		session = session % 0x7fffffff + 1
	end
	return session
end

-- Why the message is not taken, or nil.
local function obstacle(source, caller, msg)
	if type(msg) ~= "string" then
		return "a request is its packed text"
	elseif not stream then
		return why_down
	elseif stream:queued() + #msg > terms.queue then
		return ("too many bytes wait for it (federation.queue_max is %d)")
			:format(terms.queue)
	elseif caller > 0 and (waiting >= CALLS_MAX
		or (of_node[source >> 24] or 0) >= NODE_MAX) then
		return "too many calls wait for it"
	end
end

-- After so many centiseconds nobody waits any more; the answer may still come.
local function expire(id, who, ti)
	skynet.timeout(ti, function()
		if asked[id] == who then
			take(id)
			if late < LATE_MAX then
				late = late + 1
				asked[id] = LATE
			end
		end
	end)
end

-- The tag of a traced request stands in front of its last frame, where nothing comes between.
-- Another cluster sees it as another node sees that of a clustersender.
local function with_tag(id, head, more)
	local frame = tracing.frame(name, id)
	if not frame then
		return head
	elseif not more then
		return frame .. head
	end
	more[#more] = frame .. more[#more]
	return head
end

-- As the commands of a clustersender: req(address, message[, size[, centiseconds]]).
local function request(source, caller, address, msg, _, ti)
	local why = obstacle(source, caller, msg)
	if why then
		return refuse(source, caller, why)
	end
	local id = next_id()
	local ok, head, following, more = pcall(core.packrequest, address, id, msg)
	if not ok then
		return refuse(source, caller, head)
	end
	session = following
	local node = source >> 24
	asked[id] = source << 31 | caller
	waiting = waiting + 1
	of_node[node] = (of_node[node] or 0) + 1
	count.calls = count.calls + 1
	if math.type(ti) == "integer" and ti >= 0 then
		expire(id, asked[id], ti)
	end
	stream:write(with_tag(id, head, more), source, more)
end

local function push(source, address, msg)
	local why = obstacle(source, 0, msg)
	if why then
		return refuse(source, 0, why)
	end
	local ok, head, following, more = pcall(core.packpush, address, next_id(), msg)
	if not ok then
		return refuse(source, 0, head)
	end
	session = following
	count.sends = count.sends + 1
	stream:write(head, source, more)
end

-- ---- reading ----

-- Returns why the connection is to end, or nil.
local function on_answer(id, kind, data)
	local who = asked[id]
	if not who then
		count.strays = count.strays + 1
		strays = strays + 1
		return strays > STRAYS_MAX and "too many answers that nobody asked for" or nil
	elseif who < 0 then
		if kind ~= "begin" and kind ~= "more" then
			asked[id] = nil
			late = who == LATE and late - 1 or late
		end
		return
	end
	local ok, value, more = book:take(id, kind, data)
	if ok and more then
		local pieces = parts[id] or {}
		parts[id] = pieces
		pieces[#pieces + 1] = value
		return
	end
	if ok and parts[id] then
		parts[id][#parts[id] + 1] = value
		value = table.concat(parts[id])
	end
	local source, caller = take(id)
	if ok and core.haspointer(value) then
		ok, value = false, core.pointer
	end
	if not ok then
		count.errors = count.errors + 1
		value = value:gsub("^call failed: ", "")
	end
	settle(source, caller, ok and "response" or "error", value)
end

local function read(mine)
	local why = mine:each(function(body)
		heard = skynet.now()
		local id, kind, data = core.unpackresponse(body)
		if mine ~= stream then
			return "it is closed here"
		elseif not id then
			return ("an invalid frame (%s)"):format(kind)
		end
		return on_answer(id, kind, data)
	end)
	if mine == stream then
		down(why)
	end
end

local function heartbeat(mine)
	while true do
		skynet.sleep(terms.beat)
		local silent = skynet.now() - heard
		if stream ~= mine then
			return
		elseif silent >= terms.dead then
			return down(("it is silent for %.1f s"):format(silent / 100))
		elseif silent >= terms.beat then
			local id, frame = next_id(), nil
			frame, session = core.packrequest(0, id, skynet.packstring "heartbeat")
			asked[id] = OWN
			mine:write(frame, 0)
		end
	end
end

-- ---- connecting ----

-- socket.open that does not take longer than CONNECT_TIME.
local function open(address)
	local token, late = {}, false
	skynet.fork(function()
		local ok, id, why = pcall(socket.open, address)
		if late then
			if ok and id then
				socket.close(id)
			end
			return
		end
		token.id, token.why = ok and id or nil, ok and why or id
		token.done = true
		skynet.wakeup(token)
	end)
	skynet.sleep(CONNECT_TIME, token)
	if not token.done then
		late = true
		return nil, ("no connection within %d s"):format(CONNECT_TIME // 100)
	end
	return token.id, token.why
end

-- Asks on a connection on which nothing else is under way.
local function asker(fresh)
	return function(address, ...)
		local id, frame = session, nil
		frame, session = core.packrequest(address, id, skynet.packstring(...))
		fresh:write(frame, 0)
		local body = fresh:frame() or error("it closed the connection", 0)
		local to, kind, data
		if #body <= HELLO_MAX then
			to, kind, data = core.unpackresponse(body)
		end
		if kind == "error" and to == id then
			error(data, 0)
		elseif to ~= id or kind ~= "ok" or core.haspointer(data) then
			error("it does not answer as a gateway does", 0)
		end
		return skynet.unpack(data)
	end
end

-- A stream and who is there, or nil and why not.
local function introduce(fd)
	local late = false
	local timer = skynet.timer(HELLO_TIME, function()
		late = true
		socket.shutdown(fd)
	end)
	local ok, fresh, who = pcall(function()
		local fresh = streams.new(fd, "client", terms.key_file)
		return fresh, federation.greet(terms.cluster, terms.node, name, asker(fresh))
	end)
	timer:cancel()
	if ok then
		return fresh, who
	end
	socket.close(fd)
	return nil, late and "no answer to our hello" or tostring(fresh)
end

-- true when the connection is up.
local function try(address)
	local fd, fresh, why
	fd, why = open(address)
	place = address
	if fd then
		driver.writelimit(fd, terms.queue * 2)
		fresh, why = introduce(fd)
	end
	if not fresh then
		if told[address] ~= why then
			skynet.log("warning", ("federation: cluster %s at %s: %s")
				:format(name, address, why))
		end
		told[address] = why
		why_down = ("%s: %s"):format(address, why)
		return false
	end
	stream, gateway, since, heard = fresh, why, skynet.now(), skynet.now()
	told[address] = nil
	book, parts, strays = answers.new(terms.queue), {}, 0
	skynet.error(("federation: cluster %s at %s: %s is there"):format(name, address, gateway))
	skynet.fork(heartbeat, stream)
	skynet.send(daemon, "lua", "up", name)
	return true
end

-- For ever: tries the addresses in turn, and reads while there is a connection.
local function keep()
	local delay, i = DELAY_MIN, 0
	while true do
		local tried = 0
		repeat
			i = i % #terms.addresses + 1
			tried = tried + 1
		until try(terms.addresses[i]) or tried == #terms.addresses
		if stream then
			delay = DELAY_MIN
			read(stream)
		else
			skynet.send(daemon, "lua", "down", name)
			skynet.sleep(delay)
			delay = math.min(delay * 2, DELAY_MAX)
		end
	end
end

-- ---- commands ----

local command = {}

function command.begin(how)
	assert(not terms, "begun already")
	terms = how
	since = skynet.now()
	skynet.fork(keep)
end

function command.status()
	local now = {
		cluster = name, up = stream ~= nil, place = place, gateway = gateway,
		why = why_down,
		seconds = (skynet.now() - since) // 100, waiting = waiting,
		queued = stream and stream:queued() or 0,
	}
	for what, n in pairs(count) do
		now[what] = n
	end
	return now
end

skynet.start(function()
	skynet.mailbox(MAILBOX_MAX, "refuse")
	skynet.dispatch("lua", function(session_of_caller, source, what, ...)
		if what == "req" then
			skynet.ignoreret()
			request(source, session_of_caller, ...)
		elseif what == "push" then
			push(source, ...)
		else
			skynet.retpack((command[what] or error("unknown command", 0))(...))
		end
	end)
end)
