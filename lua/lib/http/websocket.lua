-- SPDX-License-Identifier: MIT
--
-- http.websocket: both ends of WebSocket (RFC 6455). Frames are taken apart and made by http.core;
-- here are the handshake, the callbacks of a server and the calls of a client. A message is one
-- write.
local skynet = require "skynet"
local socket = require "skynet.socket"
local driver = require "skynet.socketdriver"
local core = require "http.core"
local internal = require "http.internal"
local httpd = require "http.httpd"
local channels = require "http.channels"
local sockethelper = require "http.sockethelper"
local permessage = require "http.permessage"

local socket_error = sockethelper.socket_error

local websocket = {
	-- false: accepts also frames without their mask and texts that are not UTF-8
	strict = true,
	limit = 256 << 10,         -- bytes of a message that a server accepts
	clientlimit = 16 << 20,    -- and a client
	timeout = 1000,            -- cs for the handshake of a server; false: no end
	clienttimeout = 3000,      -- and of a client that names no time; false: no end
	-- Whether messages may be compressed (RFC 7692): true, or a table of settings. It costs
	-- time, and memory for each connection, so it is off.
	deflate = false,
}

local TEXT <const>, BINARY <const>, CLOSE <const>, PING <const>, PONG <const> = 1, 2, 8, 9, 10
local CODES <const> = { text = TEXT, binary = BINARY }
local KINDS <const> = { [TEXT] = "text", [BINARY] = "binary" }
local COMPRESSED <const> = 64
local CONTROL_MAX <const> = 125
-- After so many messages of one connection that were there already the others of the service have
-- their turn.
local TURN <const> = 64

local open = {} -- id -> object

local function object(id)
	return open[id]
		or error(("assertion failed! no websocket %s is open here"):format(tostring(id)), 3)
end

-- ---- frames ----

local function send(ws, code, data)
	return ws.write(core.frame(code, data, ws.masks and core.mask()))
end

local function close_payload(code, reason)
	return code and (">I2"):pack(code) .. (reason or ""):sub(1, CONTROL_MAX - 2) or ""
end

-- Ends a connection whose peer breaks a rule, and says so to it.
local function refuse(ws, why, status)
	ws.wrong, ws.speaking = true, true
	pcall(send, ws, CLOSE, close_payload(status, why))
	error(("websocket %d: %s"):format(ws.id, why), 0)
end

local function unpack_message(ws, code, data)
	local text, why, status = ws.streams:unpack(data, ws.limit)
	if not text then
		refuse(ws, why, status)
	elseif code == TEXT and websocket.strict and not core.is_utf8(text) then
		refuse(ws, "a text is not UTF-8", 1007)
	end
	return text
end

-- Not to be found any more, and closed when all is sent. Waits.
local function drop(ws)
	if open[ws.id] == ws then
		open[ws.id] = nil
	end
	if ws.guard then
		ws.guard:done()
		ws.guard = nil
	end
	if not ws.gone then
		ws.gone = true
		if ws.timer then
			ws.timer:cancel()
		end
		if ws.close then
			ws.close()
		end
		socket.close(ws.id, ws.speaking)
		if ws.streams then
			ws.streams:close()
		end
	end
end

-- The next message or control frame: its code and data. Raises when the connection ends, or the
-- peer is wrong, who is told why.
local function receive(ws)
	local reader, read = ws.reader, ws.read
	local code, data, third = reader:next()
	while not code do
		if code == false then
			refuse(ws, data, third)
		end
		code, data, third = reader:next(read())
	end
	if ws.idle then
		ws.heard, ws.asked = skynet.now(), false
	end
	return code, third and unpack_message(ws, code, data) or data
end

-- A peer of which no frame came for that long is asked by a ping, and cut off when it is silent as
-- long again.
local function watch(ws, idle)
	ws.idle, ws.heard = idle, ws.heard or skynet.now()
	ws.timer = skynet.timer(idle, function()
		if skynet.now() - ws.heard < idle then
			return watch(ws, idle)
		elseif ws.asked then
			socket.shutdown(ws.id)
			return
		end
		ws.asked = true
		pcall(send, ws, PING, "")
		watch(ws, idle)
	end)
end

-- Answers the peer's close frame, with its status.
local function answer_close(ws, payload)
	pcall(send, ws, CLOSE, payload:sub(1, 2))
end

-- ---- headers ----

local function text_of(value)
	return type(value) == "table" and table.concat(value, ",") or value or ""
end

local function has_word(value, word)
	for found in text_of(value):lower():gmatch "[^,%s]+" do
		if found == word then
			return true
		end
	end
	return false
end

-- ---- server ----

-- nil, or the status and the reason that answer a handshake.
local function handshake_is_wrong(method, version, header)
	if method ~= "GET" then
		return 400, "need GET method"
	elseif version < 11 then
		return 505, "need HTTP/1.1"
	elseif not has_word(header.upgrade, "websocket") then
		return 426, "Upgrade Required"
	elseif type(header.host) ~= "string" then
		return 400, "host Required"
	elseif not has_word(header.connection, "upgrade") then
		return 400, "Connection must Upgrade"
	elseif not core.is_key(text_of(header["sec-websocket-key"])) then
		return 400, "Sec-WebSocket-Key is not the base64 of 16 bytes"
	elseif header["sec-websocket-version"] ~= "13" then
		return 400, "Sec-WebSocket-Version must be 13"
	elseif header["sec-websocket-protocol"]
		and not has_word(header["sec-websocket-protocol"], "chat") then
		return 400, "Sec-WebSocket-Protocol need include chat"
	end
end

local function accept_text(header, extensions)
	local text = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		.. "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s%s\r\n"
	local chat = header["sec-websocket-protocol"] and "Sec-WebSocket-Protocol: chat\r\n" or ""
	local more = extensions and ("Sec-WebSocket-Extensions: %s\r\n"):format(extensions) or ""
	return text:format(core.accept(header["sec-websocket-key"]), chat, more)
end

-- From here on messages come and go. agreed: how they are compressed.
local function begin(ws, agreed, set)
	if agreed then
		ws.streams = permessage.streams(agreed, set, not ws.masks)
	end
	ws.reader = core.frames(ws.limit, not ws.masks, not websocket.strict, agreed ~= nil)
end

-- The method, version, header and url of the request for a handshake; nil, status and reason.
local function read_handshake(ws, upgrade)
	if upgrade then
		return upgrade.method, 11, upgrade.header, upgrade.url
	end
	local text, size, rest = internal.readhead(ws.read)
	if not text then
		return nil, 413, "the header is too large"
	end
	local method, url, version, right, header = core.request(text, nil, size)
	if not method then
		error(("websocket %d: no request: %q"):format(ws.id,
			text:match "^[^\r]*":sub(1, 64)), 0)
	elseif not right then
		return nil, 400, "wrong header"
	end
	ws.rest = rest
	return method, version, header, url
end

-- The header and the url; or nothing, and the client knows why.
local function handshake(ws, upgrade)
	local method, version, header, url = read_handshake(ws, upgrade)
	ws.guard:done()
	local status, reason
	if method then
		status, reason = handshake_is_wrong(method, version, header)
	else
		status, reason = version, header
	end
	if status then
		httpd.write_response(ws.write, status, reason,
			{ ["sec-websocket-version"] = "13", connection = "close" })
		ws.speaking = true
		return nil
	end
	local extensions, set, agreed = header["sec-websocket-extensions"], ws.deflate, nil
	if set and extensions then
		agreed, extensions = permessage.accept(text_of(extensions), set)
	end
	ws.write(accept_text(header, agreed and extensions))
	begin(ws, agreed, set)
	ws.real_ip = header["x-real-ip"]
	return header, url
end

local function call(ws, name, ...)
	local f = ws.handle[name]
	if f then
		f(ws.id, ...)
	end
end

local function on_close(ws, payload)
	answer_close(ws, payload)
	drop(ws)
	if #payload >= 2 then
		call(ws, "close", (">I2"):unpack(payload), payload:sub(3))
	else
		call(ws, "close")
	end
end

-- Reads until the connection ends.
local function serve(ws, upgrade)
	call(ws, "connect")
	local header, url = handshake(ws, upgrade)
	if not header then
		drop(ws)
		call(ws, "close")
		return
	end
	call(ws, "handshake", header, url)
	ws.reader:feed(ws.rest or "")
	local message = ws.handle.message
	local frames = 0
	while not ws.gone do
		local code, data = receive(ws)
		local kind = KINDS[code]
		if kind then
			if message then
				message(ws.id, data, kind)
			end
		elseif code == PING then
			send(ws, PONG, data)
			call(ws, "ping")
		elseif code == PONG then
			call(ws, "pong")
		else
			return on_close(ws, data)
		end
		frames = frames + 1
		if frames == TURN then
			frames = 0
			skynet.yield()
		end
	end
	call(ws, "close")
end

local tls_server

local function tls_of_server()
	local tls = require "http.tlshelper"
	if not tls_server then
		local context = tls.newctx()
		context:set_cert(skynet.getenv "certfile" or "./server-cert.pem",
			skynet.getenv "keyfile" or "./server-key.pem")
		tls_server = context
	end
	return tls, tls.newtls("server", tls_server)
end

-- The functions of a TLS connection, behind its handshake.
local function secure(ws, tls, session, init)
	ws.read = tls.readfunc(ws.id, session)
	ws.write = tls.writefunc(ws.id, session)
	ws.close = tls.closefunc(session)
	local ok, why = pcall(init(ws.id, session))
	if not ok then
		drop(ws)
		error(why, 0)
	end
end

local function new(id, masks, limit)
	return {
		id = id,
		gone = false,
		masks = masks,
		read = sockethelper.readfunc(id),
		write = sockethelper.writefunc(id),
		limit = limit,
	}
end

-- The error of a connection, told to the callbacks: what accept returns.
local function ended(ws, why)
	local gone = ws.gone
	drop(ws)
	if why ~= socket_error then
		if ws.wrong then
			call(ws, "error", why)
		end
		return false, why
	end
	call(ws, gone and "close" or "error", not gone and why or nil)
	return true
end

local function check_protocol(protocol)
	if protocol ~= "ws" and protocol ~= "wss" then
		error(("invalid websocket protocol:%s"):format(tostring(protocol)), 3)
	end
end

local function deflate_settings(options)
	local option = options and options.deflate
	if option == nil then
		option = websocket.deflate
	end
	return permessage.settings(option)
end

-- accept(fd, handle [, protocol [, addr [, options]]]): serves a connection until it ends.
function websocket.accept(fd, handle, protocol, addr, options)
	protocol = protocol or "ws"
	check_protocol(protocol)
	local set = deflate_settings(options)
	local upgrade = options and options.upgrade
	if not upgrade then
		local ok, why = socket.start(fd)
		if not ok then
			return false, why
		end
	end
	if not options or options.nodelay ~= false then
		driver.nodelay(fd)
	end
	local ws = new(fd, false, options and options.limit or websocket.limit)
	ws.handle, ws.addr, ws.deflate = handle, addr, set
	ws.guard = channels.guard(ws.read, websocket.timeout)
	if protocol == "wss" then
		local made, tls, session = pcall(tls_of_server)
		if not made then
			drop(ws)
			error(tls, 0)
		end
		secure(ws, tls, session, tls.init_responsefunc)
	end
	open[fd] = ws
	if handle.warning then
		socket.warning(fd, function(_, kib)
			handle.warning(ws, kib)
		end)
	end
	if options and options.idle then
		watch(ws, options.idle)
	end
	local ok, why = xpcall(serve, debug.traceback, ws, upgrade)
	if not ok then
		return ended(ws, why)
	end
	return true
end

-- ---- client ----

local function split_url(url)
	local protocol, host, path = url:match "^(%w+)://([^/?]+)(.*)$"
	if protocol ~= "ws" and protocol ~= "wss" then
		error(("invalid protocol: %s"):format(protocol or url), 3)
	end
	local name, port = host:match "^%[([%x:.]+)%]:?(%d*)$"
	if not name then
		name, port = host:match "^([^:]+):?(%d*)$"
	end
	if not name then
		error(("invalid host: %s"):format(host), 3)
	end
	if path:sub(1, 1) ~= "/" then
		path = "/" .. path
	end
	return protocol, host, name, tonumber(port) or protocol == "ws" and 80 or 443, path
end

local OWN <const> = { ["upgrade"] = true, ["connection"] = true, ["sec-websocket-version"] = true,
	["sec-websocket-key"] = true }

local function request_header(key, more, set)
	local header = {
		["Upgrade"] = "websocket",
		["Connection"] = "Upgrade",
		["Sec-WebSocket-Version"] = "13",
		["Sec-WebSocket-Key"] = key,
		["Sec-WebSocket-Extensions"] = set and permessage.offer(set),
	}
	for name, value in pairs(more or {}) do
		local lower = tostring(name):lower()
		if OWN[lower] or (set and lower == "sec-websocket-extensions") then
			error(("assertion failed! the header %s is the handshake's"):format(name),
				4)
		end
		header[name] = value
	end
	return header
end

local function check_answer(answer, key)
	local accept = answer["sec-websocket-accept"]
	if not has_word(answer.upgrade, "websocket") then
		error("websocket handshake upgrade must websocket", 0)
	elseif not has_word(answer.connection, "upgrade") then
		error("websocket handshake connection must upgrade", 0)
	elseif not accept then
		error("websocket handshake need Sec-WebSocket-Accept", 0)
	elseif accept ~= core.accept(key) then
		error("websocket handshake invalid Sec-WebSocket-Accept", 0)
	end
end

-- What is agreed on, nil: no compression.
local function check_extensions(answer, set)
	local text = answer["sec-websocket-extensions"]
	local agreed = text and set and permessage.agreed(text_of(text), set)
	if text and not agreed then
		error("websocket handshake: the server answers extensions that were not offered: "
			.. text_of(text), 0)
	end
	return agreed
end

local function client_handshake(ws, host, path, header, key, set)
	local interface = { read = ws.read, write = ws.write, readall = function() return "" end }
	local answer = {}
	local code, rest = internal.request(interface, "GET", host, path, answer, header)
	if code ~= 101 then
		local ok, body = pcall(internal.response, interface, code, rest, answer,
			websocket.limit)
		error(("websocket handshake error: code[%s] info:%s"):format(code,
			ok and body or ""), 0)
	end
	check_answer(answer, key)
	begin(ws, check_extensions(answer, set), set)
	ws.reader:feed(rest)
end

-- Raises why there is no connection: with whom, and the place of the program. late: the time that
-- is over, or false.
local function connect_failed(why, url, late)
	if why == socket_error then
		if late then
			sockethelper.fail("no answer from %s within %.2f s", url, late / 100)
		end
		sockethelper.fail("the connection to %s ended in its handshake", url)
	elseif type(why) == "string" then
		why = why:gsub("^[^\n:]*http/%a+%.lua:%d+: ", "")
		error(("%s (%s)"):format(why, url), 2)
	end
	error(why, 0)
end

-- connect(url [, header [, timeout [, options]]]) -> id
function websocket.connect(url, header, timeout, options)
	local protocol, host, name, port, path = split_url(url)
	local key, set = core.key(), deflate_settings(options)
	header = request_header(key, header, set)
	local fd = sockethelper.connect(name, port, timeout)
	driver.nodelay(fd)
	local ws = new(fd, true, options and options.limit or websocket.clientlimit)
	ws.addr = host
	local late, limit = false, timeout or websocket.clienttimeout
	local timer = limit and skynet.timer(limit, function()
		late = true
		socket.shutdown(fd)
	end)
	local ok, why = pcall(function()
		if protocol == "wss" then
			local tls = require "http.tlshelper"
			local session = tls.newtls("client", tls.clientctx(), name)
			secure(ws, tls, session, tls.init_requestfunc)
		end
		client_handshake(ws, host, path, header, key, set)
	end)
	if timer then
		timer:cancel()
	end
	if not ok then
		drop(ws)
		return connect_failed(why, url, late and limit)
	end
	open[fd] = ws
	return fd
end

local function read(ws)
	while true do
		local code, data = receive(ws)
		if KINDS[code] then
			return data
		elseif code == PING then
			send(ws, PONG, data)
		elseif code == CLOSE then
			answer_close(ws, data)
			drop(ws)
			return false, data
		end
	end
end

local function result(ws, ok, ...)
	if ok then
		return ...
	end
	drop(ws)
	error((...), 0)
end

-- read(id) -> the next message; false and the payload of the close frame
function websocket.read(id)
	local ws = object(id)
	return result(ws, pcall(read, ws))
end

-- ---- both ----

-- write(id, data [, fmt [, masking_key]]): a message in one frame
function websocket.write(id, data, fmt, masking_key)
	local ws = object(id)
	local code = CODES[fmt or "text"]
		or error(("assertion failed! a message is text or binary, not %s"):format(fmt), 2)
	local packed = ws.streams and ws.streams:pack(data)
	if packed then
		code, data = code | COMPRESSED, packed
	end
	ws.write(core.frame(code, data, ws.masks and (masking_key or core.mask())))
end

function websocket.ping(id)
	send(object(id), PING, "")
end

function websocket.close(id, code, reason)
	local ws = open[id]
	if ws then
		open[id] = nil
		pcall(send, ws, CLOSE, close_payload(code, reason))
		drop(ws)
	end
end

function websocket.addrinfo(id)
	return object(id).addr
end

function websocket.real_ip(id)
	return object(id).real_ip
end

function websocket.is_close(id)
	return open[id] == nil
end

return websocket
