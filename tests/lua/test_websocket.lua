-- SPDX-License-Identifier: MIT
-- http.websocket: the handshake, what its callbacks hear, messages both ways, and peers that break
-- the rules: the topics of the Autobahn suite, with frames written byte by byte.
local skynet = require "skynet"
local socket = require "skynet.socket"
local core = require "http.core"
local httpd = require "http.httpd"
local helper = require "http.sockethelper"
local websocket = require "http.websocket"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local heard = {} -- what the callbacks of the last connection heard
local result, why
local ids = {}

local function note(...)
	local words = table.pack(...)
	for i = 1, words.n do
		words[i] = tostring(words[i])
	end
	heard[#heard + 1] = table.concat(words, " ")
end

local handle = {}
function handle.connect(id) note "connect" ids[#ids + 1] = id end
function handle.handshake(_, header, url) note("handshake", header["x-a"], url) end
function handle.message(id, data, kind)
	if data == "bug" then
		error "a bug of the game"
	elseif data == "close" then
		websocket.close(id, 4000, "bye")
	else
		note("message", kind, #data)
		websocket.write(id, data, kind)
	end
end
function handle.ping() note "ping" end
function handle.pong() note "pong" end
function handle.close(_, code, reason) note("close", code, reason) end
function handle.error(_, err) note("error", (tostring(err):gsub("^.-: ", ""))) end

local options
local listener, address, port = nil, nil, nil
local function listen()
	listener, address, port = socket.listen("127.0.0.1", 0)
	socket.start(listener, function(fd, addr)
		heard, result, why = {}, nil, nil
		result, why = websocket.accept(fd, handle, "ws", addr, options)
		if result == nil then result = "nil" end
	end)
end

local function url(path)
	return ("ws://127.0.0.1:%d%s"):format(port, path or "/")
end

local function ended()
	tap.until_true("the server ended the connection", function() return result ~= nil end)
	return table.concat(heard, "|")
end

-- ---- a client by hand ----

local HANDSHAKE <const> = "GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n" ..
	"Connection: keep-alive, Upgrade\r\n" ..
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

local function raw(text)
	result = nil
	local fd = socket.open("127.0.0.1", port)
	socket.write(fd, text or HANDSHAKE)
	return fd
end

local function shake()
	local fd = raw()
	equal(socket.readline(fd, "\r\n\r\n"),
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			.. "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
	return fd
end

local function masked(first, data)
	local frame = core.frame(2, data, 0x01020304)
	return string.char(first) .. frame:sub(2)
end

-- What the server answers to these bytes until it ends, and what its callbacks heard.
local function answer(bytes, step)
	local fd = shake()
	for i = 1, #bytes, step or #bytes do
		socket.write(fd, bytes:sub(i, i + (step or #bytes) - 1))
		if step then
			skynet.sleep(0)
		end
	end
	local all = socket.readall(fd)
	socket.close(fd)
	return all, ended()
end

-- The server closes with this status.
local function refused(status, bytes, text)
	local all = answer(bytes)
	local at = all:find("\x88", 1, true)
	if not at or (">I2"):unpack(all, at + 2) ~= status then
		error(("%q was answered by %q, not by %d"):format(bytes:sub(1, 40), all:sub(1, 100),
			status), 2)
	end
	equal(result, false)
	if text and not why:find(text, 1, true) then
		error(("%q in place of %q"):format(why, text), 2)
	end
	assert(heard[#heard]:find "^error ", heard[#heard])
end

local bye = masked(0x88, "\x03\xe8")

tap.run {
	{ "messages of all sizes, both ways", function()
		listen()
		local id = websocket.connect(url "/x?y", { ["x-a"] = "b" })
		for _, size in ipairs { 0, 1, 125, 126, 65535, 65536, 262144 } do
			local data = ("z"):rep(size)
			websocket.write(id, data)
			equal(websocket.read(id), data)
			websocket.write(id, data, "binary", 0x7fffffff)
			equal(websocket.read(id), data)
		end
		equal(websocket.addrinfo(id), "127.0.0.1:" .. port)
		websocket.ping(id)
		websocket.write(id, "after the ping")
		equal(websocket.read(id), "after the ping")
		equal(websocket.is_close(id), false)
		websocket.close(id, 1000, "done")
		equal(websocket.is_close(id), true)
		websocket.close(id)
		local all = ended()
		assert(all:find "^connect|handshake b /x%?y|message text 0|message binary 0", all)
		assert(all:find "|ping|message text 14|close 1000 done$", all)
		equal(result, true)
	end },
	{ "what ends a connection, and who hears what", function()
		local id = websocket.connect(url())
		websocket.write(id, "close")
		local ok, payload = websocket.read(id)
		equal(ok, false)
		equal(payload, "\x0f\xa0bye")
		equal(websocket.is_close(id), true)
		assert(ended():find "|close nil nil$")
		id = websocket.connect(url())
		websocket.write(id, "bug")
		ok, payload = pcall(websocket.read, id)
		equal(payload, helper.socket_error)
		ended()
		equal(result, false)
		assert(why:find("a bug of the game", 1, true)
			and why:find("stack traceback", 1, true))
		local fd = shake()
		socket.close(fd)
		assert(ended():find "|error ")
		equal(result, true)
		id = websocket.connect(url())
		websocket.close(ids[#ids])
		assert(ended():find "|close nil nil$")
		pcall(websocket.read, id)
	end },
	{ "functions on what is closed", function()
		for _, name in ipairs { "read", "write", "ping", "addrinfo", "real_ip" } do
			raises("assertion failed!", websocket[name], 999999, "x")
		end
		equal(websocket.close(999999), nil)
		equal(websocket.is_close(999999), true)
		local id = websocket.connect(url())
		raises("assertion failed!", websocket.write, id, "x", "other")
		websocket.close(id)
		ended()
		raises("invalid websocket protocol:x", websocket.accept, 1, {}, "x")
		raises("invalid protocol: http", websocket.connect, "http://x")
		raises("invalid host", websocket.connect, "ws://a:b:c")
		raises("is the handshake's", websocket.connect, url(), { upgrade = "x" })
	end },
	{ "handshakes that are refused", function()
		local good = { "GET / HTTP/1.1", "Host: x", "Upgrade: websocket",
			"Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
			"Sec-WebSocket-Version: 13" }
		local function try(at, line)
			local lines = table.move(good, 1, #good, 1, {})
			lines[at] = line
			local fd = raw(table.concat(lines, "\r\n") .. "\r\n\r\n")
			local status = socket.readline(fd, "\r\n"):match " (%d+) "
			socket.close(fd)
			return tonumber(status), ended()
		end
		for i, case in ipairs {
			{ 1, "POST / HTTP/1.1", 400 }, { 1, "GET / HTTP/1.0", 505 },
				{ 2, "X: y", 400 }, { 3, "Upgrade: h2c", 426 },
			{ 4, "Connection: close", 400 }, { 5, "X: y", 400 },
				{ 5, "Sec-WebSocket-Key: short", 400 },
			{ 6, "Sec-WebSocket-Version: 8", 400 },
				{ 6, "X: " .. ("y"):rep(9000), 413 }, { 6, "bad", 400 },
			{ 7, "Sec-WebSocket-Protocol: soap", 400 },
		} do
			local status, all = try(case[1], case[2])
			if status ~= case[3] then
				error(("case %d: %s"):format(i, status))
			end
			equal(all, "connect|close nil nil")
		end
		local fd = raw(table.concat(good, "\r\n")
			.. "\r\nSec-WebSocket-Protocol: soap, chat\r\nX-Real-IP: 1.2.3.4\r\n\r\n")
		assert(socket.readline(fd, "\r\n\r\n"):find("Sec-WebSocket-Protocol: chat", 1,
			true))
		equal(websocket.real_ip(ids[#ids]), "1.2.3.4")
		socket.close(fd)
		ended()
		websocket.timeout = 10
		fd = raw "GET / HT"
		assert(ended():find "error")
		websocket.timeout = 1000
		socket.close(fd)
	end },
	{ "fragments, and control frames between them", function()
		local bytes = masked(0x01, "he") .. masked(0x89, "p") .. masked(0x00, "")
			.. masked(0x8a, "") .. masked(0x80, "llo") .. bye
		for _, step in ipairs { #bytes, 1, 3 } do
			local all, calls = answer(bytes, step)
			equal(all, "\x8a\1p\x81\5hello\x88\2\x03\xe8")
			equal(calls, "connect|handshake nil /chat|ping|pong|message text 5"
				.. "|close 1000 ")
		end
		equal((answer(masked(0x01, "\xc3") .. masked(0x80, "\xa4") .. bye)),
			"\x81\2\xc3\xa4\x88\2\x03\xe8")
		equal((answer(masked(0x88, ""))), "\x88\0")
	end },
	{ "frames that break the rules", function()
		for _, first in ipairs { 0xc1, 0xa1, 0x91, 0x83, 0x87, 0x8b, 0x8f, 0x09, 0x08, 0x80,
			0x00 } do
			refused(1002, masked(first, "x"))
		end
		refused(1002, "\x81\1x", "not masked")
		refused(1002, masked(0x01, "a") .. masked(0x81, "b"), "begins within another")
		refused(1002, masked(0x89, ("x"):rep(126)), "too large")
		refused(1002, "\x81\xfe\0\5\1\2\3\4hello", "shortest")
		refused(1002, "\x81\xff\0\0\0\0\0\0\0\5\1\2\3\4hello", "shortest")
		refused(1009, "\x82\xff\0\0\0\0\0\4\0\1\1\2\3\4", "payload_len is too large")
		refused(1009, "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\1\2\3\4")
		refused(1009, masked(0x02, ("x"):rep(200000)) .. masked(0x80, ("x"):rep(70000)),
			"payload_len is too large")
	end },
	{ "close frames", function()
		for _, status in ipairs { 0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000,
			65535 } do
			refused(1002, masked(0x88, (">I2"):pack(status)))
		end
		refused(1002, masked(0x88, "x"))
		refused(1007, masked(0x88, "\x03\xe8\xff"))
		for _, status in ipairs { 1000, 1001, 1003, 1007, 1011, 1012, 1014, 3000, 4999 } do
			local all, calls = answer(masked(0x88, (">I2"):pack(status) .. "why"))
			equal(all, "\x88\2" .. (">I2"):pack(status))
			assert(calls:find(("|close %d why"):format(status), 1, true))
		end
	end },
	{ "texts that are UTF-8, and those that are not", function()
		for _, text in ipairs { "κόσμε", "\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}",
			"aaaaaaaaaaaaaaaaé", "\u{d7ff}\u{e000}" } do
			equal((answer(masked(0x81, text) .. bye)),
				"\x81" .. string.char(#text) .. text .. "\x88\2\x03\xe8")
		end
		for _, text in ipairs { "\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf",
			"\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
			"aaaaaaaa\xe2\x82", "\xff",
				"aaaaaaaaa\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80edited" } do
			refused(1007, masked(0x81, text), "not UTF-8")
		end
		equal((answer(masked(0x82, "\xff") .. bye)), "\x82\1\xff\x88\2\x03\xe8")
	end },
	{ "clients of old are let in where strict is false", function()
		websocket.strict = false
		equal((answer("\x81\1\xff" .. bye)), "\x81\1\xff\x88\2\x03\xe8")
		websocket.strict = true
	end },
	{ "a limit of its own, and an upgrade of a request that was read", function()
		options = { limit = 10 }
		refused(1009, masked(0x82, ("x"):rep(11)), "payload_len is too large")
		options = nil
		local id, _, p = socket.listen("127.0.0.1", 0)
		socket.start(id, function(fd)
			socket.start(fd)
			local _, path, method, header = httpd.read_request(helper.readfunc(fd))
			websocket.accept(fd, handle, "ws", nil,
				{ upgrade = { header = header, method = method, url = path } })
		end)
		local c = websocket.connect(("ws://127.0.0.1:%d/up"):format(p))
		websocket.write(c, "up")
		equal(websocket.read(c), "up")
		websocket.close(c)
		socket.close(id)
	end },
	{ "wss without a certificate raises, and the connection ends", function()
		local id, _, p = socket.listen("127.0.0.1", 0)
		local ok
		socket.start(id, function(fd)
			ok = pcall(websocket.accept, fd, handle, "wss")
		end)
		local fd = socket.open("127.0.0.1", p)
		equal(socket.readall(fd), "")
		equal(ok, false)
		socket.close(fd)
		socket.close(id)
	end },
	{ "a silent peer is asked, and cut off if it does not answer", function()
		options = { idle = 10 }
		local id = websocket.connect(url())
		skynet.timeout(60, function()
			websocket.write(id, "awake")
		end)
		equal(websocket.read(id), "awake")
		websocket.close(id)
		local fd, start = shake(), skynet.now()
		equal(socket.readall(fd), "\x89\0")
		assert(skynet.now() - start >= 15 and ended():find "|error ")
		socket.close(fd)
		options = nil
	end },
	{ "servers that a client refuses", function()
		local text
		local id, _, p = socket.listen("127.0.0.1", 0)
		socket.start(id, function(fd)
			socket.start(fd)
			local key = (socket.readline(fd, "\r\n\r\n") or ""):match "Key:(%S+)"
			socket.write(fd, (text:gsub("KEY", core.accept(key))))
			if text:find("101", 1, true) then
				socket.readall(fd)
			end
			socket.close(fd)
		end)
		local to = ("ws://127.0.0.1:%d"):format(p)
		local function try(answer_text, wanted)
			text = answer_text
			raises(wanted, websocket.connect, to)
		end
		local head = "HTTP/1.1 101 X\r\n"
		try("HTTP/1.1 403 X\r\ncontent-length: 2\r\n\r\nno",
			"websocket handshake error: code[403] info:no")
		try(head .. "\r\n", "websocket handshake upgrade must websocket")
		try(head .. "Upgrade: websocket\r\n\r\n",
			"websocket handshake connection must upgrade")
		try(head .. "Upgrade: websocket\r\nConnection: upgrade\r\n\r\n",
			"websocket handshake need Sec-WebSocket-Accept")
		local good = head
			.. "Upgrade: websocket\r\nConnection: upgrade\r\n"
			.. "Sec-WebSocket-Accept: KEY\r\n\r\n"
		try((good:gsub("KEY", "x")), "websocket handshake invalid Sec-WebSocket-Accept")
		text = good .. "\x81\2hi\x82\1"
		local c = websocket.connect(to, nil, 500)
		equal(websocket.read(c), "hi")
		websocket.close(c)
		text = good .. masked(0x81, "hi")
		c = websocket.connect(to)
		raises("a frame of a server is masked", websocket.read, c)
		equal(websocket.is_close(c), true)
		text = good .. "\x89\1p\x88\0"
		c = websocket.connect(to)
		local ok, payload = websocket.read(c)
		equal(ok, false)
		equal(payload, "")
		text = ""
		raises("ended in its handshake", websocket.connect, to)
		text = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"
		local why = raises("websocket handshake error: code[403] info: (" .. to,
			function() local _ = websocket.connect(to) end)
		assert(why:find "^[^\n]*test_websocket.lua:%d+: ", why)
		socket.close(id)
		raises("[Socket Error]", websocket.connect, to)
	end },
	{ "a server that says nothing: its client waits, but not for ever", function()
		local id, host, port = socket.listen("127.0.0.1", 0)
		socket.start(id, function(fd) socket.start(fd) end)
		local to = ("ws://%s:%d"):format(host, port)
		raises("no answer from " .. to .. " within 0.10 s", websocket.connect, to, nil, 10)
		websocket.clienttimeout = 10
		raises("no answer from " .. to .. " within 0.10 s", websocket.connect, to)
		websocket.clienttimeout = 3000
		socket.close(id)
	end },
	{ "who sends much at a time does not keep the others of the service waiting", function()
		local order, stop, stopped, fds = {}, {}, false, {}
		local mine = { message = function(id, text)
			if text == "stop" then
				stopped = true
				skynet.wait(stop)
			end
			order[#order + 1] = text
		end }
		local id, _, to = socket.listen("127.0.0.1", 0)
		socket.start(id, function(fd)
			fds[#fds + 1] = fd
			websocket.accept(fd, mine)
		end)
		local flood = websocket.connect("ws://127.0.0.1:" .. to)
		local other = websocket.connect("ws://127.0.0.1:" .. to)
		local function read_of(fd)
			for _, s in ipairs(socket.netstat()) do
				if s.id == fd then
					return s.read
				end
			end
		end
		local function got(fd, n)
			tap.until_true("all bytes", function() return read_of(fd) >= n end)
		end
		-- the handshakes are read
		local flooded, others = read_of(fds[1]), read_of(fds[2])
		websocket.write(flood, "stop")
		socket.write(flood, ("\x81\x81\0\0\0\0x"):rep(10000))
		got(fds[1], flooded + 70000)
		-- what is read may still be in the mailbox
		tap.until_true("the first message is served", function() return stopped end)
		websocket.write(other, "me")
		got(fds[2], others + 8)
		skynet.wakeup(stop)
		tap.until_true("all messages", function() return #order == 10002 end)
		for i, text in ipairs(order) do
			if text == "me" then
				assert(i < 1000, i)
			end
		end
		websocket.close(flood)
		websocket.close(other)
		socket.close(id)
	end },
	{ "many clients at once", function()
		local left, waiting = 40, coroutine.running()
		for i = 1, 40 do
			skynet.fork(function()
				local c = websocket.connect(url())
				for n = 1, 20 do
					websocket.write(c, i .. " " .. n)
					equal(websocket.read(c), i .. " " .. n)
				end
				websocket.close(c)
				left = left - 1
				if left == 0 then
					skynet.wakeup(waiting)
				end
			end)
		end
		skynet.wait(waiting)
	end },
}
