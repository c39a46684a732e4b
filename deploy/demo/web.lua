-- SPDX-License-Identifier: MIT
--
-- The gate of a node for browsers: it serves the page (web/) by HTTP, and players by WebSocket at
-- /play. Every node may have one; what players share is in field.lua, on one of the nodes.
--
-- A message is a line of words. From the page:
--
--   JOIN name key    up to 12 letters and digits; 32 hexadecimal digits that the page chose, by
--                    which a player is the same when he comes back
--   GO x y           direction and speed, -100 to 100
--   PING n           is answered PONG n ms: what the way to the field and back took this gate
--                    lately, - if there is none
--
-- To the page: WELCOME node name, NO reason, PONG, STATE and NODES (field.lua), and AWAY when the
-- field is not to be reached.
--
-- Whoever is in the Internet can connect. So everything has a limit (below), whoever breaks a rule
-- is closed with a reason, and nothing that a browser sent is handed on before a pattern that
-- allows only what is meant has matched it. A page of another site may connect, too: there are no
-- cookies, so it can do nothing here in its visitor's name.

local skynet = require "skynet"
local socket = require "skynet.socket"
local multicast = require "skynet.multicast"
local httpd = require "http.httpd"
local sockethelper = require "http.sockethelper"
local websocket = require "http.websocket"

local CONNECTIONS_MAX <const> = 256
local REQUESTS_MAX <const> = 64 -- over one connection
local MESSAGE_MAX <const> = 64 -- bytes
local UNREAD_MAX <const> = 16384 -- bytes that may have come and wait to be read
local RATE <const>, BURST <const> = 30, 60 -- messages a second, and at once
local SILENCE <const> = 1000 -- cs: then a ping; as long again, and the connection ends
local IDLE <const> = tonumber(skynet.getenv "arena_idle") * 100 -- cs without a key being pressed
local PATIENCE <const> = 100 -- cs that the field may take to answer

local POLICY <const>, TIRED <const>, ELSEWHERE <const> = 1008, 4000, 4001 -- why connections close

local host, port = ...
local node = skynet.getenv "nodename"
local connections = 0
local clients = {} -- id of the websocket -> { id, tokens, filled, acted, record }
local joined = {} -- name -> client
local last = {} -- STATE and NODES -> the last text of them
local way = "-" -- milliseconds to the field and back

-- ---- to the browsers ----

local function say(client, text)
	pcall(websocket.write, client.id, text) -- a connection that has ended is noticed elsewhere
end

local function say_all(text)
	for _, client in pairs(clients) do
		say(client, text)
	end
end

local function dismiss(client, code, why)
	skynet.fork(websocket.close, client.id, code, why)
	skynet.timeout(200, function() -- for those who do not read the farewell
		socket.shutdown(client.id)
	end)
end

local function leave(client)
	local record = client.record
	if record and joined[record.name] == client then
		joined[record.name] = nil
		pcall(skynet.send, "ARENA", "lua", "leave", record.name)
	end
end

-- ---- the field ----

local function ask(what, ...)
	return pcall(skynet.calltimeout, PATIENCE, "ARENA", "lua", what, ...)
end

local function publish(_, _, text)
	last[text:match "^%u+"] = text
	say_all(text)
end

local channel -- of the field that publishes now, once it is subscribed

local function field_is_lost(_, what)
	if what ~= "back" then
		say_all "AWAY"
	end
end

-- A field that was started anew has another channel.
local function listen(id)
	if channel and channel.channel ~= id then
		channel:unsubscribe()
		channel = nil
	end
	if not channel then
		local new = multicast.new { channel = id, dispatch = publish,
			event = field_is_lost }
		new:subscribe()
		channel = new
	end
end

local function tell_field()
	local records = {}
	for _, client in pairs(joined) do
		records[#records + 1] = client.record
	end
	local began = skynet.hpc()
	local alive, id, nodes, answer = ask("here", node, host .. ":" .. port, records)
	way = alive and ("%.2f"):format((skynet.hpc() - began) / 1e6) or "-"
	if not alive then
		return say_all "AWAY"
	end
	listen(id)
	publish(nil, nil, nodes)
	for _, record in ipairs(answer) do
		if joined[record.name] then
			joined[record.name].record = record
		end
	end
end

-- Once a second: the field hears whom we have, and who does nothing is let go.
local function run()
	while true do
		local ok, why = pcall(tell_field)
		if not ok then
			skynet.error("the field:", why)
		end
		for _, client in pairs(clients) do
			if skynet.now() - client.acted > IDLE then
				client.acted = skynet.now()
				dismiss(client, TIRED, "nothing happened for a long time")
			end
		end
		skynet.sleep(100)
	end
end

-- What the field sends to us: this player came in through another node.
local function drop(name)
	local client = joined[name]
	if client then
		joined[name] = nil
		dismiss(client, ELSEWHERE, "you play through another node")
	end
end

-- ---- what pages say: function(client, rest of the line) -> whether it was as it should be ----

local commands = {}

function commands.JOIN(client, rest)
	local name, key = rest:match "^(%w+) (%x+)$"
	if not name or #name > 12 or #key ~= 32 or client.record then
		return false
	end
	local alive, record, why = ask("join", node, name, key)
	if not alive or not record then
		say(client, "NO " .. (alive and why or "the field is away"))
	elseif clients[client.id] then -- who has not gone meanwhile
		drop(name)
		client.record, joined[name] = record, client
		say(client, ("WELCOME %s %s"):format(node, name))
	else
		pcall(skynet.send, "ARENA", "lua", "leave", name)
	end
	return true
end

function commands.GO(client, rest)
	local x, y = rest:match "^(%-?%d%d?%d?) (%-?%d%d?%d?)$"
	x, y = tonumber(x), tonumber(y)
	if not x or math.abs(x) > 100 or math.abs(y) > 100 or not client.record then
		return false
	end
	client.acted = skynet.now()
	pcall(skynet.send, "ARENA", "lua", "go", client.record.name, x, y)
	return true
end

function commands.PING(client, rest)
	if not rest:match "^%d+$" then
		return false
	end
	say(client, ("PONG %s %s"):format(rest, way))
	return true
end

-- A bucket of tokens: RATE of them come in a second, and each message takes one.
local function too_many(client)
	local now = skynet.now()
	client.tokens = math.min(BURST, client.tokens + (now - client.filled) * RATE / 100)
	client.filled = now
	client.tokens = client.tokens - 1
	return client.tokens < 0
end

local handle = {}

function handle.handshake(id)
	local now = skynet.now()
	clients[id] = { id = id, tokens = BURST, filled = now, acted = now }
	for _, text in pairs(last) do
		say(clients[id], text)
	end
end

function handle.message(id, line, kind)
	local client = clients[id]
	if too_many(client) then
		return websocket.close(id, POLICY, "too many messages")
	end
	local word, rest = line:match "^(%u+) ([%w -]+)$"
	local command = commands[word]
	if kind ~= "text" or not command or not command(client, rest) then
		websocket.close(id, POLICY, "no such message")
	end
end

-- So much waits to be read by this browser that it never will be.
function handle.warning(ws)
	socket.shutdown(ws.id)
end

-- Until the connection ends.
local function play(id, address, request)
	local ok, why = websocket.accept(id, handle, "ws", address,
		{ upgrade = request, limit = MESSAGE_MAX, idle = SILENCE })
	if not ok then
		skynet.log("debug", address, why)
	end
	local client = clients[id]
	if client then
		clients[id] = nil
		leave(client)
	end
end

-- ---- the page ----

local FILES <const> = { ["/"] = "index.html", ["/arena.js"] = "arena.js",
	["/arena.css"] = "arena.css" }
local HEADER <const> = {
	["cache-control"] = "no-cache",
	["x-content-type-options"] = "nosniff",
	["content-security-policy"] = "default-src 'none'; script-src 'self'; style-src 'self'; "
		.. "img-src data:; connect-src ws: wss:; base-uri 'none'; form-action 'none'; "
		.. "frame-ancestors 'none'",
}

-- Files are read once. Only these paths exist, so there is no way to any other file.
local function read_page()
	local folder = debug.getinfo(1, "S").source:match "^@(.*/)" .. "web/"
	local files = {}
	for path, file in pairs(FILES) do
		local kind = file:match "%w+$":gsub("js", "javascript")
		local header = { ["content-type"] = "text/" .. kind .. "; charset=utf-8" }
		for name, value in pairs(HEADER) do
			header[name] = value
		end
		local f = assert(io.open(folder .. file))
		files[path] = { f:read "a", header }
		f:close()
	end
	return files
end

local page

local function respond(write, url, method)
	local file = page[url:match "^[^?]*"]
	if not file then
		return httpd.write_response(write, 404, "there is no such page\n")
	elseif method ~= "GET" then
		return httpd.write_response(write, 405, "", { allow = "GET" })
	end
	return httpd.write_response(write, 200, file[1], file[2])
end

-- Requests for the page come one after the other over a connection; one for /play makes it a
-- WebSocket.
local function requests(id, address)
	local read, write = sockethelper.readfunc(id), sockethelper.writefunc(id)
	for _ = 1, REQUESTS_MAX do
		local code, url, method, header = httpd.read_request(read, 0)
		if code ~= 200 then
			return code and httpd.write_response(write, code, "",
				{ connection = "close" })
		elseif url:match "^[^?]*" == "/play" then
			return play(id, address, { url = url, method = method, header = header })
		elseif not respond(write, url, method) then
			return
		end
	end
end

local function serve(id, address)
	if connections >= CONNECTIONS_MAX then
		return socket.close_fd(id)
	end
	connections = connections + 1
	if socket.start(id) then
		socket.limit(id, UNREAD_MAX)
		local ok, why = pcall(requests, id, address)
		if not ok then
			skynet.error(address, why)
		end
		socket.close(id)
	end
	connections = connections - 1
end

skynet.start(function()
	page = read_page()
	httpd.timeout = 1000
	skynet.dispatch("lua", function(_, _, what, name)
		assert(what == "drop")
		drop(name)
	end)
	socket.start(socket.listen(host, tonumber(port)), serve)
	skynet.fork(run)
	skynet.error(("the arena is at http://%s:%s/"):format(host, port))
end)
