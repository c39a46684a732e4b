-- SPDX-License-Identifier: MIT
-- http.websocket by the table: what a peer sends, frame by frame, and all that it must be answered,
-- by the topics of RFC 6455 and RFC 7692. Each case runs twice: the peer is a client of our server,
-- and a server of our client. Ours sends back every message that it gets.
local skynet = require "skynet"
local socket = require "skynet.socket"
local core = require "http.core"
local deflate = require "http.deflate"
local websocket = require "http.websocket"
local tap = require "tap"

local TEXT <const>, BINARY <const>, CLOSE <const>, PING <const>, PONG <const> = 1, 2, 8, 9, 10
local NAMES <const> = { [TEXT] = "message", [BINARY] = "message", [CLOSE] = "close",
	[PING] = "ping", [PONG] = "pong" }

-- ---- what a case is made of ----

-- A frame: code, payload, and its bits: fin (true unless it is said), rsv 0 to 7.
local function frame(code, data, fin, rsv)
	return { code = code, data = data or "", fin = fin ~= false, rsv = rsv or 0 }
end

local function text(data, ...) return frame(TEXT, data, ...) end
local function binary(data, ...) return frame(BINARY, data, ...) end
local function more(data, ...) return frame(0, data, ...) end
local function ping(data, ...) return frame(PING, data, ...) end
local function pong(data, ...) return frame(PONG, data, ...) end

local function close(status, reason)
	return frame(CLOSE, status and (">I2"):pack(status) .. (reason or "") or "")
end

local bye = close(1000)

-- Bytes as they are, for frames that no function makes. %M: the bit of a mask and the mask itself
-- are left to the case.
local function raw(bytes)
	return { raw = bytes }
end

-- The peer waits for the end of the connection here: what follows is never sent.
local wait = { wait = true }

-- ---- the cases: name, what is sent, what must come, how ----

local cases, topic = {}, nil

-- pairs, by the names: the order of the cases is the same each time.
local function sorted(set)
	local names, at = {}, 0
	for name in pairs(set) do
		names[#names + 1] = name
	end
	table.sort(names)
	return function()
		at = at + 1
		return names[at], set[names[at]]
	end
end

-- how.cut: bytes that go out at once. how.deflate: compression. how.only: "server" or "client".
local function case(name, sent, wanted, how)
	how = how or {}
	cases[#cases + 1] = { name = topic .. ": " .. name, sent = sent, wanted = wanted,
		cut = how.cut, deflate = how.deflate, only = how.only }
end

-- A message is sent back, the farewell is answered.
local function echoes(name, sent, data, how)
	sent[#sent + 1] = bye
	case(name, sent, { { "message", data }, { "close", 1000 } }, how)
end

-- The connection fails with this status. before: what must come before that.
local function fails(name, sent, status, before, how)
	local wanted = before or {}
	wanted[#wanted + 1] = { "close", status }
	case(name, sent, wanted, how)
end

topic = "framing"
for _, size in ipairs { 0, 1, 125, 126, 127, 128, 65535, 65536, 200000 } do
	echoes("text of " .. size, { text(("*"):rep(size)) }, ("*"):rep(size))
	echoes("binary of " .. size, { binary(("\xfe"):rep(size)) }, ("\xfe"):rep(size))
end
echoes("65536 in pieces of 997", { text(("*"):rep(65536)) }, ("*"):rep(65536), { cut = 997 })
echoes("each byte by itself", { text "hello world" }, "hello world", { cut = 1 })

topic = "lengths"
for name, head in sorted {
	["125 in two bytes"] = "\x82%c\0\125", ["0 in two bytes"] = "\x82%c\0\0",
	["65535 in eight bytes"] = "\x82%C\0\0\0\0\0\0\xff\xff",
	["the highest bit"] = "\x82%C\x80\0\0\0\0\0\0\0",
} do
	fails(name, { raw(head) }, 1002)
end
fails("2^63 - 1", { raw "\x82%C\x7f\xff\xff\xff\xff\xff\xff\xff" }, 1009)
fails("2^32", { raw "\x82%C\0\0\0\1\0\0\0\0" }, 1009)

topic = "masks"
fails("a client without", { raw "\x81\5hello" }, 1002, nil, { only = "server" })
fails("a ping of a client without", { raw "\x89\0" }, 1002, nil, { only = "server" })
fails("a server with", { raw "\x81\x85\1\2\3\4iglhn" }, 1002, nil, { only = "client" })
fails("a ping of a server with", { raw "\x89\x80\1\2\3\4" }, 1002, nil, { only = "client" })

topic = "pings and pongs"
for name, data in sorted { ["nothing"] = "", ["text"] = "Hello, world!", ["125 bytes"] =
	("\xfe"):rep(125), ["no text"] = "\0\xff\xfe\xfd\xfc\xfb\0\xff" } do
	for _, cut in ipairs { 1000, 1 } do
		case(("with %s, at most %d bytes at once"):format(name, cut), { ping(data), bye },
			{ { "pong", data }, { "close", 1000 } }, { cut = cut })
	end
end
fails("126 bytes", { ping(("\xfe"):rep(126)) }, 1002)
fails("a pong of 126 bytes", { pong(("\xfe"):rep(126)) }, 1002)
case("a pong that nobody asked for", { pong "", pong "x", ping "y", bye },
	{ { "pong", "y" }, { "close", 1000 } })
do
	local sent, wanted = {}, {}
	for i = 1, 10 do
		sent[i] = ping("payload " .. i)
		wanted[i] = { "pong", "payload " .. i }
	end
	sent[11], wanted[11] = bye, { "close", 1000 }
	case("ten at once", sent, wanted)
	case("ten, byte by byte", sent, wanted, { cut = 1 })
end

topic = "reserved bits"
for rsv = 1, 7 do
	fails("text with " .. rsv, { text("x", true, rsv), wait }, 1002)
	fails("behind a message, before a ping, " .. rsv,
		{ text "small", text("x", true, rsv), ping "no" }, 1002, { { "message", "small" } })
	fails("a fragment with " .. rsv, { text("x", false), more("y", true, rsv) }, 1002)
	fails("a ping with " .. rsv, { ping("x", true, rsv), wait }, 1002)
	fails("a close with " .. rsv, { frame(CLOSE, "\x03\xe8", true, rsv) }, 1002)
end

topic = "opcodes"
for _, code in ipairs { 3, 4, 5, 6, 7, 11, 12, 13, 14, 15 } do
	fails("empty, " .. code, { frame(code), wait }, 1002)
	fails("with a payload, " .. code, { frame(code, "x"), wait }, 1002)
	fails("behind a message, " .. code, { text "small", frame(code, "x"), ping "no" }, 1002,
		{ { "message", "small" } })
	fails("a fragment, " .. code, { frame(code, "x", false), wait }, 1002)
end

topic = "fragments"
fails("of a ping", { ping("x", false), more "y" }, 1002)
fails("of a pong", { pong("x", false), more "y" }, 1002)
fails("of a close", { frame(CLOSE, "\x03\xe8", false), wait }, 1002)
for _, cut in ipairs { 100000, 1 } do
	local how = { cut = cut }
	echoes("two, at most " .. cut .. " bytes at once", { text("frag", false), more "ment" },
		"fragment", how)
	echoes("empty ones", { text("", false), more("", false), more "" }, "", how)
	echoes("an empty first and last one", { text("", false), more("x", false), more "" }, "x",
		how)
	case("a ping between", { text("frag", false), ping "p", more "ment", bye },
		{ { "pong", "p" }, { "message", "fragment" }, { "close", 1000 } }, how)
	case("pings and pongs between five",
		{ text("a", false), more("b", false), ping "1", more("c", false), pong "", ping "2",
			more("d", false), more "e", bye },
		{ { "pong", "1" }, { "pong", "2" }, { "message", "abcde" }, { "close", 1000 } },
		how)
	fails("a continuation of nothing", { more "x", text "y" }, 1002, nil, how)
	fails("a continuation of nothing that goes on", { more("x", false), text "y" }, 1002, nil,
		how)
	fails("a continuation behind a whole message", { text "whole", more "x" }, 1002,
		{ { "message", "whole" } }, how)
	fails("a message within another", { text("x", false), text "y" }, 1002, nil, how)
	fails("a binary message within a text", { text("x", false), binary "y" }, 1002, nil, how)
	fails("a fragmented message within another", { text("x", false), text("y", false) }, 1002,
		nil, how)
end
case("two messages one behind the other", { text("a", false), more "b", text "c", bye },
	{ { "message", "ab" }, { "message", "c" }, { "close", 1000 } })
do
	local sent = { binary(("x"):rep(1300), false) }
	for i = 2, 50 do
		sent[i] = more(("x"):rep(1300), false)
	end
	sent[51] = more(("x"):rep(536))
	echoes("65536 in fragments of 1300", sent, ("x"):rep(65536))
	local single = { text("y", false) }
	for i = 2, 2000 do
		single[i] = more("y", false)
	end
	single[2001] = more "y"
	echoes("2001 of a byte each", single, ("y"):rep(2001))
end

topic = "UTF-8"
local KOSME <const> = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
for name, data in sorted {
	["greek"] = KOSME, ["mixed"] = "Hello-µ@ßöäüàá-UTF-8!!",
	["first of two bytes"] = "\u{80}", ["first of three"] = "\u{800}",
	["first of four"] = "\u{10000}", ["last of one"] = "\u{7f}", ["last of two"] = "\u{7ff}",
	["last of three"] = "\u{ffff}", ["last of all"] = "\u{10ffff}", ["zero"] = "\0",
	["below the surrogates"] = "\u{d7ff}", ["above them"] = "\u{e000}",
	["the replacement character"] = "\u{fffd}", ["no characters"] = "\u{fffe}\u{1fffe}\u{fdd0}",
	["byte order mark"] = "\u{feff}x",
} do
	echoes(name, { text(data) }, data)
	echoes(name .. ", byte by byte", { text(data) }, data, { cut = 1 })
	local parts = {}
	for i = 1, #data do
		parts[i] = (i == 1 and text or more)(data:sub(i, i), i == #data)
	end
	echoes(name .. ", a fragment each byte", parts, data)
end
for name, data in sorted {
	["a continuation alone"] = "\x80", ["two of them"] = "\x80\xbf", ["begin of two"] = "\xc2",
	["begin of two, blank"] = "\xc2 ", ["begin of three"] = "\xe1\xbd",
	["begin of four"] = "\xf1\x80\x80", ["0xfe"] = "\xfe", ["0xff"] = "\xff",
	["begin of five"] = "\xf8\x88\x80\x80\x80", ["begin of six"] = "\xfc\x84\x80\x80\x80\x80",
	["beyond the last"] = "\xf4\x90\x80\x80", ["far beyond"] = "\xf7\xbf\xbf\xbf",
	["slash in two"] = "\xc0\xaf", ["slash in three"] = "\xe0\x80\xaf",
	["slash in four"] = "\xf0\x80\x80\xaf", ["longest of one in two"] = "\xc1\xbf",
	["longest of two in three"] = "\xe0\x9f\xbf", ["longest of three in four"] =
	"\xf0\x8f\xbf\xbf", ["zero in two"] = "\xc0\x80", ["a surrogate"] = "\xed\xa0\x80",
	["the last surrogate"] = "\xed\xbf\xbf", ["a pair of them"] = "\xed\xa0\x80\xed\xb0\x80",
	["greek, a surrogate, text"] = KOSME .. "\xed\xa0\x80edited",
	["long, wrong at its end"] = ("x"):rep(5000) .. "\xff",
} do
	fails(name, { text(data) }, 1007)
	fails(name .. ", byte by byte", { text(data) }, 1007, nil, { cut = 1 })
	fails(name .. ", behind a fragment", { text(KOSME, false), more(data) }, 1007)
	echoes(name .. ", binary", { binary(data) }, data)
end
-- Who is wrong hears it at once, not at the end of his message.
fails("at once: in the second of three fragments",
	{ text(KOSME, false), more("\xf4\x90\x80\x80", false), wait }, 1007)
fails("at once: the byte that makes it wrong",
	{ text(KOSME, false), more("\xf4", false), more("\x90", false), wait }, 1007)
fails("at once: within a frame that is not whole",
	{ raw("\x81%20" .. KOSME .. "\xf4\x90\x80\x80x"), wait }, 1007)
fails("at once: the byte that makes it wrong, within a frame",
	{ raw("\x81%20" .. KOSME .. "\xf4\x90"), wait }, 1007, nil, { cut = 1 })
case("a character that is not whole yet waits", { text(KOSME .. "\xf4", false), ping "?",
	more "\x8f\xbf\xbf", bye }, { { "pong", "?" }, { "message", KOSME .. "\u{10ffff}" },
	{ "close", 1000 } })

topic = "close"
case("without a status", { close() }, { { "close" } })
fails("of one byte", { frame(CLOSE, "x") }, 1002)
case("with a reason", { close(1000, "Hello World!") }, { { "close", 1000 } })
case("with a reason of 123 bytes", { close(1000, ("*"):rep(123)) }, { { "close", 1000 } })
fails("with a reason of 124 bytes", { close(1000, ("*"):rep(124)) }, 1002)
fails("with a reason that is not UTF-8", { close(1000, KOSME .. "\xed\xa0\x80") }, 1007)
for _, status in ipairs { 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
	3000, 3999, 4000, 4999 } do
	case("status " .. status, { close(status) }, { { "close", status } })
end
for _, status in ipairs { 0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000,
	65535 } do
	fails("status " .. status, { close(status) }, 1002)
end
case("twice", { bye, bye }, { { "close", 1000 } })
case("a message behind it", { bye, text "late" }, { { "close", 1000 } })
case("a ping behind it", { bye, ping "late" }, { { "close", 1000 } })
case("within a message", { text("frag", false), bye, more "ment" }, { { "close", 1000 } })
case("behind a large message", { text(("*"):rep(200000)), bye, ping "late" },
	{ { "message", ("*"):rep(200000) }, { "close", 1000 } })
case("the end of the connection without it", { text "x", { hang_up = true } },
	{ { "message", "x" } })
case("the end within a frame", { raw "\x81%5he", { hang_up = true } }, {})

topic = "limits"
fails("a frame", { binary(("x"):rep(262145)) }, 1009)
fails("fragments together", { binary(("x"):rep(200000), false), more(("x"):rep(62145)) }, 1009)
echoes("a message as large as may be", { binary(("x"):rep(200000), false),
	more(("x"):rep(62144)) }, ("x"):rep(262144))

topic = "compression"
local function packed(data, bits, level)
	return deflate.deflater(bits or 15, false, level or 6, 8):deflate(data)
end
local WORDS <const> = ("a message of words, "):rep(500)
for name, set in sorted { ["as it is set"] = true, ["without takeover"] = { takeover = false },
	["wide"] = { window = 15 }, ["narrow"] = { window = 8 }, ["fast"] = { level = 1 } } do
	local how = { deflate = set }
	local bits = type(set) == "table" and set.window or 12
	for _, size in ipairs { 0, 1, 64, 256, 1024, 10000 } do
		local data = WORDS:sub(1, size)
		echoes(("text of %d, %s"):format(size, name), { text(packed(data, bits), true, 4) },
			data, how)
	end
	local large, half = packed(WORDS, bits), #packed(WORDS, bits) // 2
	echoes("fragments, " .. name,
		{ text(large:sub(1, half), false, 4), more(large:sub(half + 1)) }, WORDS, how)
	echoes("not compressed, " .. name, { text(WORDS) }, WORDS, how)
end
local on = { deflate = true }
echoes("byte by byte", { text(packed(WORDS, 12), true, 4) }, WORDS, { deflate = true, cut = 1 })
echoes("an empty last fragment", { text(packed "Hello", false, 4), more "" }, "Hello", on)
case("a ping between fragments", { text("\xf2\x48\xcd", false, 4), ping "p",
	more "\xc9\xc9\x07\0", bye },
	{ { "pong", "p" }, { "message", "Hello" }, { "close", 1000 } }, on)
fails("the bit in a continuation", { text("\xf2\x48\xcd", false, 4),
	more("\xc9\xc9\x07\0", true, 4) }, 1002, nil, on)
fails("the bit in a ping", { ping("x", true, 4) }, 1002, nil, on)
fails("another bit beside it", { text(packed "Hello", true, 5) }, 1002, nil, on)
fails("nothing at all", { text("", true, 4) }, 1007, nil, on)
fails("an unknown kind of block", { text("\x07", true, 4) }, 1007, nil, on)
fails("half a message", { text(packed(WORDS):sub(1, 30), true, 4) }, 1007, nil, on)
fails("a text that is not UTF-8", { text(packed "\xed\xa0\x80", true, 4) }, 1007, nil, on)
fails("a bomb", { binary(packed(("\0"):rep(262145)), true, 4) }, 1009, nil, on)
fails("a bomb of 64 MiB", { binary(packed(("\0"):rep(64 << 20), 15, 9), true, 4) }, 1009, nil, on)
echoes("as large as may be", { binary(packed(("\0"):rep(262144)), true, 4) }, ("\0"):rep(262144),
	on)
fails("nobody agreed on it", { text(packed "Hello", true, 4) }, 1002)

-- ---- the peer ----

local KEY <const> = 0x12345678

-- A payload, or as much of it as there is, as this side sends it.
local function mask(data, masked)
	return masked and core.frame(2, data, KEY):sub(-#data - 4) or data
end

-- %c, %C: a length of two or eight bytes follows; %N: N bytes do, of which some are there.
local function bytes_of_raw(pattern, masked)
	local bit = masked and 0x80 or 0
	local head, size, data = pattern:match "^(.)%%(%d%d?)(.*)$"
	if head then
		local key = masked and (">I4"):pack(KEY) or ""
		local body = #data > 0 and mask(data, masked):sub(-#data) or ""
		return head .. string.char(bit | tonumber(size)) .. key .. body
	end
	return (pattern:gsub("%%([cC])", function(c)
		return string.char(bit | (c == "c" and 126 or 127))
	end)) .. (pattern:find "%%" and masked and "\1\2\3\4" or "")
end

local function bytes_of(item, masked)
	if item.raw then
		return bytes_of_raw(item.raw, masked)
	end
	local head = core.frame(2, item.data, masked and KEY)
	return string.char((item.fin and 0x80 or 0) | item.rsv << 4 | item.code) .. head:sub(2)
end

local function send(fd, bytes, cut)
	for at = 1, #bytes, cut or #bytes do
		socket.write(fd, bytes:sub(at, at + (cut or #bytes) - 1))
		if cut and #bytes < 1000 then
			skynet.yield()
		end
	end
end

-- What is said to the end of the connection, as an array of { name, data or status }.
local function hear(fd, masked, set)
	local reader = core.frames(1 << 20, not masked, false, set ~= nil)
	local inflater = set and deflate.inflater(15, not (type(set) == "table"
		and set.takeover == false))
	local heard = {}
	reader:feed(socket.readall(fd) or "")
	while true do
		local code, data, compressed = reader:next()
		if code == false then
			error("what we send is wrong: " .. data)
		elseif not code then
			return heard
		end
		if compressed then
			data = assert(inflater:inflate(data, 1 << 20))
		end
		local said = code == CLOSE and (#data >= 2 and (">I2"):unpack(data) or nil) or data
		if code == CLOSE and #data == 0 then
			said = nil
		end
		heard[#heard + 1] = { NAMES[code], said }
	end
end

-- Plays a case on a connection whose handshake is done.
local function play(c, fd, masked)
	local bytes, hangs_up = {}, false
	for _, item in ipairs(c.sent) do
		if item.wait then
			break
		elseif item.hang_up then
			hangs_up = true
		else
			bytes[#bytes + 1] = bytes_of(item, masked)
		end
	end
	send(fd, table.concat(bytes), c.cut)
	if hangs_up and #c.wanted > 0 then
		-- Its answer must be on the way before the end.
		local data = c.wanted[1][2]
		local wanted = #core.frame(1, data, not masked and KEY or nil)
		local got = socket.read(fd, wanted)
		return { { "message", got and data } }
	elseif hangs_up then
		return {}
	end
	return hear(fd, masked, c.deflate)
end

local function word(item)
	local data = item[2]
	if type(data) == "string" and #data > 40 then
		data = ("%s... (%d bytes)"):format(data:sub(1, 20), #data)
	end
	return ("%s %s"):format(item[1], data)
end

local function words(list)
	local out = {}
	for i = 1, #list do
		out[i] = word(list[i])
	end
	return table.concat(out, ", ")
end

local function differs(heard, wanted)
	if #heard ~= #wanted then
		return true
	end
	for i = 1, #wanted do
		if heard[i][1] ~= wanted[i][1] or heard[i][2] ~= wanted[i][2] then
			return true
		end
	end
	return false
end

local function judge(c, role, heard)
	if differs(heard, c.wanted) then
		error(("%s (ours is the %s): heard %s; wanted %s"):format(c.name, role,
			words(heard), words(c.wanted)), 0)
	end
end

-- ---- ours ----

local ended

local function handle_of(c)
	return {
		message = function(id, data, kind) websocket.write(id, data, kind) end,
	}, { deflate = c.deflate or false }
end

local current -- the case for which connections come

local function serve(fd)
	ended = false
	local handle, options = handle_of(current)
	websocket.accept(fd, handle, "ws", nil, options)
	ended = true
end

local HANDSHAKE <const> = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
	.. "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	.. "Sec-WebSocket-Version: 13\r\n%s\r\n"

local function as_client(c, port)
	current, ended = c, nil
	local fd = socket.open("127.0.0.1", port)
	local offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
	socket.write(fd, HANDSHAKE:format(c.deflate and offer or ""))
	assert(socket.readline(fd, "\r\n\r\n"):find "^HTTP/1.1 101 ")
	local heard = play(c, fd, true)
	socket.close(fd)
	tap.until_true("the server's end", function() return ended end)
	judge(c, "server", heard)
end

-- What a server agrees to of our client's offer: all of it.
local function accept(request, c)
	local offer = c.deflate and request:match "Sec%-WebSocket%-Extensions:([^\r]*)"
	return "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		.. "Sec-WebSocket-Accept: " .. core.accept(request:match "%-Key:(%S+)") .. "\r\n"
		.. (offer and ("Sec-WebSocket-Extensions: %s\r\n"):format(
			offer:gsub("client_max_window_bits$", "client_max_window_bits=15")) or "")
		.. "\r\n"
end

local heard_by_server

local function play_server(fd)
	local c = current
	socket.start(fd)
	socket.write(fd, accept(socket.readline(fd, "\r\n\r\n"), c))
	local ok, heard = pcall(play, c, fd, false)
	heard_by_server = ok and heard or { { "nothing: " .. tostring(heard) } }
	socket.close(fd)
end

local function as_server(c, port)
	current, heard_by_server = c, nil
	local id = websocket.connect(("ws://127.0.0.1:%d/"):format(port), nil, nil,
		{ deflate = c.deflate or false, limit = websocket.limit })
	pcall(function()
		local data = websocket.read(id)
		while data do
			websocket.write(id, data, "binary") -- it does not know what it was
			data = websocket.read(id)
		end
	end)
	tap.until_true("the peer heard it", function() return heard_by_server end)
	tap.equal(websocket.is_close(id), true)
	judge(c, "client", heard_by_server)
end

local function all(role, run, port)
	local failures, count = {}, 0
	for _, c in ipairs(cases) do
		if not c.only or c.only == role then
			count = count + 1
			local ok, why = pcall(run, c, port)
			if not ok then
				failures[#failures + 1] = why
			end
		end
	end
	if failures[1] then
		error(("%d of %d cases:\n%s"):format(#failures, count,
			table.concat(failures, "\n", 1, math.min(#failures, 20))), 0)
	end
	return count
end

tap.run {
	{ #cases .. " cases with our server", function()
		local id, _, port = socket.listen("127.0.0.1", 0)
		socket.start(id, serve)
		assert(all("server", as_client, port) > 380)
		socket.close(id)
	end },
	{ "and with our client", function()
		local id, _, port = socket.listen("127.0.0.1", 0)
		socket.start(id, play_server)
		assert(all("client", as_server, port) > 380)
		socket.close(id)
	end },
}
