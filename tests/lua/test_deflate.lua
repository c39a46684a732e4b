-- SPDX-License-Identifier: MIT
-- permessage-deflate (RFC 7692): the standard's own examples, what is agreed on, messages both ways
-- with all kinds of windows, and peers that send bombs or nonsense.
local skynet = require "skynet"
local socket = require "skynet.socket"
local core = require "http.core"
local deflate = require "http.deflate"
local memory = require "skynet.memory"
local permessage = require "http.permessage"
local websocket = require "http.websocket"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local function bytes(hex)
	return (hex:gsub("%s", ""):gsub("..", function(two)
		return string.char(tonumber(two, 16))
	end))
end

local function hex(text)
	return (text:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

-- ---- a server ----

local heard, result, why = {}, nil, nil
local handle = {
	message = function(id, data, kind)
		heard[#heard + 1] = kind .. #data
		websocket.write(id, data, kind)
	end,
	error = function(_, err) heard[#heard + 1] = "error " .. tostring(err) end,
}
local options, port = { deflate = true }, nil

local function listen()
	local id
	id, _, port = socket.listen("127.0.0.1", 0)
	socket.start(id, function(fd)
		heard, result, why = {}, nil, nil
		result, why = websocket.accept(fd, handle, "ws", nil, options)
		result = result or false
	end)
end

local function url()
	return ("ws://127.0.0.1:%d/"):format(port)
end

-- ---- a client by hand ----

local HANDSHAKE <const> = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
	.. "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	.. "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: %s\r\n\r\n"

-- A connection, and the extensions that the server answers.
local function shake(offer)
	result = nil
	local fd = socket.open("127.0.0.1", port)
	socket.write(fd, HANDSHAKE:format(offer or "permessage-deflate"))
	local answer = socket.readline(fd, "\r\n\r\n")
	assert(answer:find "^HTTP/1.1 101 ", answer)
	return fd, answer:match "Sec%-WebSocket%-Extensions: ([^\r]*)"
end

local function masked(first, data)
	return string.char(first) .. core.frame(2, data, 0x01020304):sub(2)
end

-- All that the server says to these bytes.
local function answer(sent, offer)
	local fd = shake(offer)
	socket.write(fd, sent)
	local all = socket.readall(fd)
	socket.close(fd)
	tap.until_true("the server ended the connection", function() return result ~= nil end)
	return all
end

local function refused(status, sent, text)
	local all = answer(sent)
	equal((">I2"):unpack(all, all:find("\x88", 1, true) + 2), status)
	equal(result, false)
	assert(why:find(text, 1, true), why)
end

local BYE <const> = masked(0x88, "\x03\xe8")
local BYE_HEX <const> = "880203e8"

-- ---- text that shrinks, and text that does not ----

local function words(n)
	local out = {}
	for i = 1, n do
		out[i] = ("player %d moves to %d %d"):format(i % 7, i * 31 % 100, i * 17 % 100)
	end
	return table.concat(out, ";")
end

local function noise(n)
	local out = {}
	for i = 1, n do
		out[i] = string.char(math.random(0, 255))
	end
	return table.concat(out)
end

tap.run {
	{ "a server", listen },
	{ "the standard's examples", function()
		local inflater = deflate.inflater(15, true)
		for _, example in ipairs {
			"f248cdc9c90700", "f200110000", "000500faff48656c6c6f00",
			"f348cdc9c9070000", "f248050000 00ffffcac9c90700", "f248cdc9c90700",
		} do
			equal(inflater:inflate(bytes(example), 5), "Hello")
		end
		equal(inflater:inflate("\0", 0), "")
		local d = deflate.deflater(15, true, 6, 8)
		equal(hex(d:deflate "Hello"), "f248cdc9c90700")
		equal(hex(d:deflate "Hello"), "f200110000")
		equal(hex(d:deflate ""), "00")
		d = deflate.deflater(15, false, 6, 8)
		equal(hex(d:deflate "Hello"), "f248cdc9c90700")
		equal(hex(d:deflate "Hello"), "f248cdc9c90700")
		local all = answer(masked(0x41, bytes "f248cd") .. masked(0x80, bytes "c9c90700")
			.. masked(0xc1, bytes "f200110000") .. BYE)
		equal(hex(all), ("810548656c6c6f"):rep(2) .. BYE_HEX)
	end },
	{ "streams: limits, damage, what is closed", function()
		local bomb = deflate.deflater(15, true, 9, 9):deflate(("\0"):rep(1 << 20))
		assert(#bomb < 1100, #bomb)
		local text, status
		local inflater = deflate.inflater(15, false)
		for _, limit in ipairs { 0, 1, 255, 65535, (1 << 20) - 1 } do
			local reason
			text, reason, status = inflater:inflate(bomb, limit)
			equal(text, nil)
			equal(status, 1009)
			equal(reason, "a compressed message is too large")
		end
		equal(#inflater:inflate(bomb, 1 << 20), 1 << 20)
		for _, damaged in ipairs { "", "\x07", "\xff\xff", bomb:sub(1, 500), "\xf2\x48",
			bytes "f248cdc9c907", bytes "f348cdc9c907" } do
			local reason
			text, reason, status = inflater:inflate(damaged, 1 << 21)
			equal(text, nil)
			equal(status, 1007)
			equal(reason, "a compressed message is damaged")
		end
		equal(inflater:inflate(bytes "f248cdc9c90700", 5), "Hello")
		local lasting = deflate.inflater(15, true)
		lasting:inflate("\x07", 5)
		raises("closed", lasting.inflate, lasting, bytes "f248cdc9c90700", 5)
		-- A window that is not there any more.
		local near, d = deflate.inflater(8, true), deflate.deflater(15, true, 9, 9)
		for _, message in ipairs { "abcdefghijkl", noise(1000), "abcdefghijkl" } do
			status = select(3, near:inflate(d:deflate(message), 1 << 20))
		end
		equal(status, 1007)
		inflater:close()
		inflater:close()
		raises("closed", inflater.inflate, inflater, "x", 1)
		d = deflate.deflater(9, true, 1, 1)
		d:close()
		raises("closed", d.deflate, d, "x")
		raises("7 is not from 8 to 15", deflate.inflater, 7)
		raises("16 is not from 8 to 15", deflate.deflater, 16, true, 1, 1)
		raises("10 is not from 1 to 9", deflate.deflater, 15, true, 10, 1)
	end },
	{ "windows of all sizes, levels and memories", function()
		local text = words(3000)
		for bits = 8, 15 do
			local d = deflate.deflater(bits, true, bits - 6, bits - 6)
			local f = deflate.inflater(bits, true)
			local messages = { text, "x", noise(3000), text:rep(3), "", text }
			for _, message in ipairs(messages) do
				equal(f:inflate(d:deflate(message), #message), message)
			end
			d:close()
			f:close()
		end
	end },
	{ "the memory of a stream is the service's, and as much as is promised", function()
		local function held_by(make, ...)
			local before, kept = memory.current(), {}
			for i = 1, 20 do
				kept[i] = make(...)
				if make == deflate.inflater then
					kept[i]:inflate(bytes "f248cdc9c90700", 5)
				end
			end
			local held = (memory.current() - before) // 20
			for i = 1, 20 do
				kept[i]:close()
			end
			assert((memory.current() - before) // 20 < 1000)
			return held
		end
		local cases = { { 12, 5, 38 << 10 }, { 15, 9, 390 << 10 }, { 9, 1, 9 << 10 } }
		for _, case in ipairs(cases) do
			local held = held_by(deflate.deflater, case[1], true, 6, case[2])
			assert(held > case[3] * 0.7 and held < case[3] * 1.1, held)
		end
		for bits, most in pairs { [12] = 14 << 10, [15] = 42 << 10 } do
			local held = held_by(deflate.inflater, bits, true)
			assert(held > most * 0.7 and held < most * 1.1, held)
		end
	end },
	{ "what a server agrees on", function()
		local function is(offer, set, wanted)
			local _, text = permessage.accept(offer, permessage.settings(set))
			if text ~= wanted then
				error(("%s: %s in place of %s"):format(offer, text, wanted), 2)
			end
		end
		local wide = { window = 15 }
		is("permessage-deflate", wide, "permessage-deflate")
		is("permessage-deflate", true, "permessage-deflate; server_max_window_bits=12")
		is("permessage-deflate; client_max_window_bits", wide,
			"permessage-deflate; client_max_window_bits=15")
		is("permessage-deflate; client_max_window_bits", true, "permessage-deflate; "
			.. "server_max_window_bits=12; client_max_window_bits=12")
		is("permessage-deflate; client_max_window_bits=9", true, "permessage-deflate; "
			.. "server_max_window_bits=12; client_max_window_bits=9")
		is('permessage-deflate;server_max_window_bits="10"', true,
			"permessage-deflate; server_max_window_bits=10")
		is("permessage-deflate; server_max_window_bits=8", wide,
			"permessage-deflate; server_max_window_bits=8")
		is("permessage-deflate; server_no_context_takeover", wide,
			"permessage-deflate; server_no_context_takeover")
		is("permessage-deflate; client_no_context_takeover", wide,
			"permessage-deflate; client_no_context_takeover")
		is("permessage-deflate", { takeover = false, window = 15 }, "permessage-deflate; "
			.. "server_no_context_takeover; client_no_context_takeover")
		is("x-webkit-deflate-frame, permessage-deflate", wide, "permessage-deflate")
		-- The second of two offers, where the first cannot be taken.
		for _, bad in ipairs { "server_max_window_bits", "server_max_window_bits=7",
			"server_max_window_bits=16", "server_max_window_bits=010", "other",
			"server_max_window_bits=10; server_max_window_bits=10", "other=1",
			"server_no_context_takeover=1", "client_no_context_takeover=true",
			"client_max_window_bits=7", "client_max_window_bits=1e1",
			"client_max_window_bits; client_max_window_bits=10" } do
			is("permessage-deflate; " .. bad, wide, nil)
			is(("permessage-deflate; %s, permessage-deflate"):format(bad), wide,
				"permessage-deflate")
		end
		for _, bad in ipairs { "", ",", ";", "permessage-deflate;", "permessage-deflate,",
			"permessage-deflate; x=", 'permessage-deflate; x="',
			'permessage-deflate; x="\\', "permessage-deflate; =1",
			"permessage deflate", "permessage-deflate; a b",
			'permessage-deflate; x="1"2', "permessage-foo", "\0",
			"(permessage-deflate)" } do
			is(bad, wide, nil)
		end
		local list = permessage.parse 'a ; b="c\\"d,;" , e;f;g=h'
		equal(#list, 2)
		equal(list[1].parameters[1][2], 'c"d,;')
		equal(list[2].parameters[1][2], true)
		equal(list[2].parameters[2][2], "h")
	end },
	{ "what a client takes for an answer", function()
		local function is(text, set, wanted)
			local agreed = permessage.agreed(text, permessage.settings(set))
			local bits = agreed and (agreed.server_max_window_bits or 15)
			if bits ~= wanted then
				error(("%s was taken for %s"):format(text, wanted), 2)
			end
		end
		local wide = { window = 15 }
		is("permessage-deflate", wide, 15)
		is("permessage-deflate; server_max_window_bits=9", wide, 9)
		is("permessage-deflate; server_max_window_bits=11", true, 11)
		is("permessage-deflate; server_max_window_bits=12; client_max_window_bits=10", true,
			12)
		is("permessage-deflate", true, nil)
		is("permessage-deflate; server_max_window_bits=13", true, nil)
		is("permessage-deflate; server_max_window_bits=12; client_max_window_bits=13", true,
			nil)
		is("permessage-deflate; client_max_window_bits", wide, nil)
		is("permessage-deflate; other", wide, nil)
		is("permessage-deflate, permessage-deflate", wide, nil)
		is("permessage-foo", wide, nil)
		is("", wide, nil)
		is("permessage-deflate", { takeover = false, window = 15 }, nil)
		is("permessage-deflate; server_no_context_takeover",
			{ takeover = false, window = 15 }, 15)
		equal(permessage.offer(permessage.settings(true)), "permessage-deflate; "
			.. "server_max_window_bits=12; client_max_window_bits=12")
		equal(permessage.offer(permessage.settings { window = 15, takeover = false }),
			"permessage-deflate; server_no_context_takeover; "
				.. "client_no_context_takeover; client_max_window_bits")
	end },
	{ "random headers never raise", function()
		local parts = { "permessage-deflate", ";", ",", "=", '"', "\\", " ", "\t", "8",
			"15", "server_max_window_bits", "client_max_window_bits", "\0", "x",
			"server_no_context_takeover" }
		local seed = math.random(0, 1 << 30)
		math.randomseed(seed)
		local set = permessage.settings(true)
		for _ = 1, 5000 do
			local text = {}
			for i = 1, math.random(14) do
				text[i] = parts[math.random(#parts)]
			end
			text = table.concat(text)
			local agreed, said = permessage.accept(text, set)
			assert(not agreed or permessage.parse(said), seed)
			permessage.agreed(text, set)
		end
	end },
	{ "options that are none", function()
		raises("deflate.window is an integer from 8 to 15, not 16", permessage.settings,
			{ window = 16 })
		raises("deflate.level", permessage.settings, { level = "6" })
		raises("deflate.takeover is a boolean", permessage.settings, { takeover = 1 })
		raises("deflate has no option widow", permessage.settings, { widow = 9 })
		raises("deflate is a boolean or a table", permessage.settings, 9)
		raises("deflate.memory", websocket.connect, url(), nil, nil,
			{ deflate = { memory = 10 } })
		raises("is the handshake's", websocket.connect, url(),
			{ ["Sec-WebSocket-Extensions"] = "x" }, nil, { deflate = true })
		equal(permessage.settings(false), nil)
	end },
	{ "both ends, all kinds of windows", function()
		local large = words(4000)
		for _, pair in ipairs {
			{ true, true }, { { window = 15, memory = 9, level = 1 }, true },
			{ true, { window = 15 } }, { { takeover = false }, true },
			{ true, { takeover = false } }, { { window = 8 }, { window = 15 } },
			{ { window = 15 }, { window = 8, takeover = false } },
			{ { least = 0 }, { least = 0, memory = 1 } }, { false, true },
			{ true, false },
		} do
			options = { deflate = pair[1] }
			local id = websocket.connect(url(), nil, nil, { deflate = pair[2] })
			for _, message in ipairs { "", "x", large, noise(5000), large, "äöü" } do
				local kind = message:find "[\x80-\xbf]" and "binary" or "text"
				websocket.write(id, message, kind)
				equal(websocket.read(id), message)
			end
			websocket.close(id)
		end
		options = { deflate = true }
	end },
	{ "the module's option is the default of both", function()
		options = nil
		equal(select(2, shake()), nil)
		websocket.deflate = { takeover = false }
		equal(select(2, shake()), "permessage-deflate; server_no_context_takeover; "
			.. "client_no_context_takeover; server_max_window_bits=12")
		local id = websocket.connect(url())
		websocket.write(id, words(100))
		equal(websocket.read(id), words(100))
		websocket.close(id)
		websocket.deflate, options = false, { deflate = true }
	end },
	{ "bytes on the wire: what shrinks, what does not, what is short", function()
		local text = words(50)
		local fd, said = shake "permessage-deflate; server_no_context_takeover"
		equal(said, "permessage-deflate; server_no_context_takeover; "
			.. "server_max_window_bits=12")
		local inflater = deflate.inflater(12, false)
		local function exchange(message)
			socket.write(fd, masked(0x82, message))
			local first, size = socket.read(fd, 2):byte(1, 2)
			size = size == 126 and (">I2"):unpack(socket.read(fd, 2)) or size
			return first, socket.read(fd, size)
		end
		local first, data = exchange(text)
		equal(first, 0xc2)
		assert(#data < #text / 3, #data)
		equal(inflater:inflate(data, #text), text)
		first, data = exchange(noise(100))
		equal(first, 0x82)
		equal(#data, 100)
		first, data = exchange(("a"):rep(31))
		equal(first, 0x82)
		equal(#data, 31)
		first, data = exchange(("a"):rep(32))
		equal(first, 0xc2)
		socket.close(fd)
		-- With takeover a second message is little more than a reference to the first.
		fd = shake()
		local sizes = {}
		for i = 1, 2 do
			sizes[i] = #select(2, exchange(text:sub(1, 120)))
		end
		assert(sizes[2] < 12 and sizes[1] > 50, sizes[2])
		socket.close(fd)
	end },
	{ "bombs, damage, wrong bits", function()
		options = { deflate = true, limit = 1000 }
		local bomb = deflate.deflater(15, true, 9, 9):deflate(("\0"):rep(100 << 20))
		local pieces = {}
		for at = 1, #bomb, 900 do
			pieces[#pieces + 1] = bomb:sub(at, at + 899)
		end
		refused(1009, masked(0xc2, pieces[1]), "a compressed message is too large")
		refused(1009, masked(0x42, pieces[1]) .. masked(0x00, pieces[2]), "payload_len")
		refused(1009, masked(0xc2, deflate.deflater(15, true, 9, 9):deflate(
			("\0"):rep(1001))), "a compressed message is too large")
		equal(#answer(masked(0xc2, deflate.deflater(15, true, 9, 9):deflate(
			("\0"):rep(1000))) .. BYE) > 4, true)
		-- What does not shrink may be as large as other messages, and no larger.
		local grown = deflate.deflater(15, true, 1, 1):deflate(noise(1000))
		assert(#grown > 1000)
		assert(answer(masked(0xc2, grown) .. BYE):find "\x88\2\x03\xe8$")
		refused(1009, masked(0xc2, noise(1080)), "payload_len is too large")
		refused(1007, masked(0xc1, "\x07"), "a compressed message is damaged")
		refused(1007, masked(0xc1, ""), "a compressed message is damaged")
		refused(1007, masked(0xc1, deflate.deflater(15, true, 6, 8):deflate "\xff"),
			"not UTF-8")
		for _, wrong in ipairs { masked(0xc9, "x"), masked(0xc8, ""), masked(0xca, ""),
			masked(0x41, "\xf2") .. masked(0xc0, "\x48"), masked(0xc0, "x"),
			masked(0xa1, "x"), masked(0x91, "x"), masked(0xe1, "x") } do
			refused(1002, wrong, "")
		end
		options = { deflate = false }
		refused(1002, masked(0xc1, bytes "f248cdc9c90700"), "reserved bits")
		options = { deflate = true }
		for _, offer in ipairs { "permessage-foo", "permessage-deflate; x" } do
			local fd, said = shake(offer)
			equal(said, nil)
			socket.write(fd, masked(0xc1, bytes "f248cdc9c90700"))
			assert(socket.readall(fd):find "reserved bits")
			socket.close(fd)
		end
	end },
	{ "control frames between compressed fragments", function()
		equal(hex(answer(masked(0x41, bytes "f248cd") .. masked(0x89, "p")
			.. masked(0x00, "") .. masked(0x80, bytes "c9c90700") .. BYE)),
			"8a0170" .. "810548656c6c6f" .. BYE_HEX)
	end },
	{ "servers that answer what a client did not offer", function()
		local extensions
		local id, _, p = socket.listen("127.0.0.1", 0)
		socket.start(id, function(fd)
			socket.start(fd)
			local key = (socket.readline(fd, "\r\n\r\n") or ""):match "Key:(%S+)"
			socket.write(fd, "HTTP/1.1 101 X\r\nUpgrade: websocket\r\n"
				.. "Connection: upgrade\r\nSec-WebSocket-Extensions: "
				.. extensions .. "\r\nSec-WebSocket-Accept: " .. core.accept(key)
				.. "\r\n\r\n")
			socket.readall(fd)
			socket.close(fd)
		end)
		local to = ("ws://127.0.0.1:%d"):format(p)
		for text, set in pairs { ["permessage-deflate"] = false, ["x"] = true,
			["permessage-deflate; server_max_window_bits=13"] = true } do
			extensions = text
			raises("extensions that were not offered: " .. text, websocket.connect, to,
				nil, nil, { deflate = set })
		end
		socket.close(id)
	end },
}
