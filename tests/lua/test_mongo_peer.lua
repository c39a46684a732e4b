-- SPDX-License-Identifier: MIT
-- skynet.db.mongo against peers that lie: sizes, kinds and numbers of messages that are wrong,
-- bytes that are no document, answers that nobody asked for, silence, logins that prove nothing.
local skynet = require "skynet"
local socket = require "skynet.socket"
local bson = require "bson"
local crypt = require "skynet.crypt"
local channel_error = require "skynet.socketchannel".error
local mongo = require "skynet.db.mongo"
local help = require "bson_bytes"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local MESSAGE_MAX <const> = 17 * 1024 * 1024 -- what our servers take

local function frame(to, document, flags, kind)
	local raw = type(document) == "string" and document or tostring(bson.encode(document))
	return string.pack("<I4I4I4I4I4B", 21 + #raw, 1, to, kind or 2013, flags or 0, 0) .. raw
end

-- The next request: its number, and what it asks.
local function receive(fd)
	local head = socket.read(fd, 4)
	if not head then
		return nil
	end
	local body = socket.read(fd, string.unpack("<I4", head) - 4)
	if body then
		return string.unpack("<I4", body), (help.decode(body:sub(18)))
	end
end

-- A server that says that it is primary, then answers each request with answer(fd, id, command).
local function serve(answer, hello)
	local id, _, port = socket.listen("127.0.0.1", 0)
	socket.start(id, function(fd)
		if not socket.start(fd) then
			return
		end
		local n, command = receive(fd)
		while n do
			if command.ismaster and not hello then
				socket.write(fd, frame(n, { ok = 1, ismaster = true,
					maxMessageSizeBytes = MESSAGE_MAX }))
			else
				answer(fd, n, command)
			end
			if command.cut then
				break
			end
			n, command = receive(fd)
		end
		socket.close(fd)
	end)
	return port
end

local function connect(port, conf)
	conf = conf or {}
	conf.host, conf.port = "127.0.0.1", port
	return mongo.client(conf)
end

-- A request that is answered by these bytes (with its number in place of %%) raises the text.
local function breaks(text, make, conf)
	local n = 0
	local c = connect(serve(function(fd, id)
		n = n + 1
		socket.write(fd, n == 1 and make(id) or frame(id, { ok = 1, n = n }))
	end), conf)
	raises(text, c.runCommand, c, "ping")
	equal(c:runCommand "ping".n, 2) -- on a new connection
	c:disconnect()
end

local function refused(text, port, conf)
	local from = #tap.log()
	local ok, why = pcall(connect, port, conf)
	assert(not ok and why == channel_error, tostring(why))
	tap.logged(text, from)
end

-- The server's side of SCRAM-SHA-1 with a lie: challenge(nonce), and the verdict.
local function lying(challenge, verdict, done)
	return function(fd, id, command)
		if command.saslStart then
			local first = crypt.base64decode(command.payload)
			local text = challenge(first:match "r=(.*)$")
			socket.write(fd, frame(id, { ok = 1, conversationId = 1, done = false,
				payload = text and crypt.base64encode(text) }))
		else
			socket.write(fd, frame(id, { ok = 1, conversationId = 1, done = done,
				payload = crypt.base64encode(verdict or "") }))
		end
	end
end

tap.run {
	{ "sizes that are wrong", function()
		breaks("the server sent a message of 5 bytes", function()
			return string.pack("<I4", 5) .. "x"
		end)
		breaks("the server sent a message of -1 bytes", function()
			return string.pack("<i4", -1)
		end)
		local text = "an answer of 2147483643 bytes is larger than 67108864 (answer_max)"
		breaks(text, function()
			return string.pack("<I4", 0x7fffffff)
		end)
		breaks("is larger than 1000 (answer_max)", function(id)
			return frame(id, { ok = 1, text = ("x"):rep(1000) })
		end, { answer_max = 1000 })
	end },
	{ "messages that are none", function()
		breaks("Unsupported opcode:1", function(id)
			return frame(id, { ok = 1 }, 0, 1)
		end)
		breaks("Unsupported OP_MSG checksum", function(id)
			return frame(id, { ok = 1 }, 1)
		end)
		breaks("Unsupported OP_MSG flag moreToCome", function(id)
			return frame(id, { ok = 1 }, 2)
		end)
		breaks("Unsupported OP_MSG flags 65536", function(id)
			return frame(id, { ok = 1 }, 65536)
		end)
		breaks("Unsupported OP_MSG section of kind 1", function(id)
			return (frame(id, { ok = 1 }):gsub("^(" .. ("."):rep(20) .. ").", "%1\1"))
		end)
		breaks("Unsupported OP_MSG with more than one section", function(id)
			return frame(id, "\5\0\0\0\0\0\5\0\0\0\0")
		end)
		breaks("Invalid bson block", function(id)
			return frame(id, "\13\0\0\0\2a\0\99\0\0\0\0\0")
		end)
		breaks("Invalid bson type : 6", function(id)
			return frame(id, "\8\0\0\0\6a\0\0")
		end)
	end },
	{ "an answer that belongs to nobody is dropped, too many end the connection", function()
		local late = 0
		local c = connect(serve(function(fd, id, command)
			if command.flood then
				local one = frame(id + 77, { ok = 1 })
				socket.write(fd, one:rep(1000))
			elseif command.stray then
				socket.write(fd, frame(id + 77, { ok = 1 }))
			else
				late = late + 1
				socket.write(fd, frame(id, { ok = 1 }))
			end
		end), { timeout = 30 })
		local from = #tap.log()
		raises("socket: no answer from 127.0.0.1", c.runCommand, c, "stray")
		tap.logged("socket: unknown session : ", from)
		equal(c:runCommand "ping".ok, 1)
		local text = "the server sent more answers than it was asked for"
		raises(text, c.runCommand, c, "flood")
		equal(c:runCommand "ping".ok, 1)
		equal(late, 2)
		c:disconnect()
	end },
	{ "silence: the request fails in time, the connection ends; slowness is none", function()
		local connections = 0
		local held
		local port = serve(function(fd, id, command)
			if command.ismaster then
				connections = connections + 1
				socket.write(fd, frame(id, { ok = 1, ismaster = true }))
			elseif command.slow then
				held = function()
					socket.write(fd, frame(id, { ok = 1, late = true }))
				end
			elseif not command.never then
				socket.write(fd, frame(id, { ok = 1 }))
			end
		end, true)
		local c = connect(port, { timeout = 20 })
		raises("socket: no answer from 127.0.0.1:", c.runCommand, c, "never")
		equal(c:runCommand "ping".ok, 1)
		equal(connections, 2)
		-- one that is slow does not end the connection of the others
		local why
		skynet.fork(function() why = select(2, pcall(c.runCommand, c, "slow")) end)
		while not why do
			equal(c:runCommand "ping".ok, 1)
			skynet.sleep(1)
		end
		assert(why:find "no answer from", why)
		held()
		equal(c:runCommand "ping".late, nil)
		equal(connections, 2)
		c:disconnect()
	end },
	{ "a peer that ends in the middle of an answer", function()
		local n = 0
		local c = connect(serve(function(fd, id)
			n = n + 1
			if n == 1 then
				socket.write(fd, frame(id, { ok = 1 }):sub(1, 30))
			else
				socket.write(fd, frame(id, { ok = 1 }))
			end
		end))
		local ok, why = pcall(c.runCommand, c, "cut")
		assert(not ok and why == channel_error, tostring(why))
		equal(c:runCommand "ping".ok, 1)
		c:disconnect()
	end },
	{ "answers of random bytes: an answer or an error, and the client goes on", function()
		local sent = 0
		local good = tostring(bson.encode { ok = 1, a = { 1, "x", { y = true } } })
		local port = serve(function(fd, id)
			local raw = frame(id, good)
			sent = sent + 1
			for _ = 1, sent % 3 do
				-- Its size stays: bytes that never come would be silence.
				local at = math.random(5, #raw)
				raw = raw:sub(1, at - 1) .. string.char(math.random(0, 255))
					.. raw:sub(at + 1)
			end
			socket.write(fd, raw)
		end)
		local c = connect(port, { timeout = 10 })
		local answers, errors = 0, 0
		while sent < 300 do
			if pcall(c.runCommand, c, "ping") then
				answers = answers + 1
			else
				errors = errors + 1
			end
		end
		assert(answers > 100 and errors > 50, answers)
		c:disconnect()
	end },
	{ "a client that nobody keeps is closed", function()
		local closed = false
		local id, _, port = socket.listen("127.0.0.1", 0)
		socket.start(id, function(fd)
			if not socket.start(fd) then
				return
			end
			local n = receive(fd)
			while n do
				socket.write(fd, frame(n, { ok = 1, ismaster = true, n = n }))
				n = receive(fd)
			end
			closed = true
			socket.close(fd)
		end)
		do
			local coll = connect(port).game.x -- which keeps it
			collectgarbage()
			collectgarbage()
			equal(coll:safe_insert {}, true)
			equal(closed, false)
		end
		tap.until_true("the end of the connection", function()
			collectgarbage()
			return closed
		end)
	end },
	{ "requests that the server would not take are not sent", function()
		local c = connect(serve(function(fd, id)
			socket.write(fd, frame(id, { ok = 1 }))
		end))
		local text = ("x"):rep(MESSAGE_MAX)
		raises("mongo: a request of", c.runCommand, c, "ping", text)
		raises("is larger than the server takes, " .. MESSAGE_MAX, c.game.x.insert,
			c.game.x, { text = text })
		raises("Invalid utf8 string", c.game.x.insert, c.game.x, { text = "\xff" })
		equal(c:runCommand "ping".ok, 1)
		c:disconnect()
	end },
	{ "ismaster with lies", function()
		local function hello(reply)
			return serve(function(fd, id)
				socket.write(fd, frame(id, reply))
			end, true)
		end
		local none = "this server is no primary, and knows none that is"
		refused(none, hello { ok = 1 })
		refused(none, hello { ok = 1, primary = 5, hosts = 7 })
		refused(none, hello { ok = 1, primary = mongo.null, hosts = { mongo.null, 1, {} } })
		refused("ismaster: no", hello { ok = 0, errmsg = "no" })
		local hosts = {}
		for i = 1, 60 do hosts[i] = "127.0.0.1:1" end
		refused(none, hello { ok = 1, hosts = hosts })
		connect(hello { ok = 1, isWritablePrimary = true, maxMessageSizeBytes = -5 })
			:disconnect()
		local c = connect(hello { ok = 1, ismaster = true, maxMessageSizeBytes = 10 })
		equal(c:runCommand "ping".ok, 1)
		c:disconnect()
	end },
	{ "a server that always knows another primary: tries have an end", function()
		local accepted, ports = 0, {}
		for i = 1, 3 do
			ports[i] = serve(function(fd, id)
				accepted = accepted + 1
				local other = "127.0.0.1:" .. ports[i % 3 + 1]
				socket.write(fd, frame(id, { ok = 1, primary = other,
					hosts = { other } }))
			end, true)
		end
		refused("this server is no primary, and knows none that is", ports[1])
		assert(accepted >= 4 and accepted < 100, accepted)
	end },
	{ "logins that prove nothing", function()
		local function challenge(rounds, change)
			return function(nonce)
				local both = change and change(nonce) or nonce .. "x"
				return ("r=%s,s=%s,i=%s"):format(both, crypt.base64encode "salt",
					rounds)
			end
		end
		local function wrong(text, ...)
			refused("mongo: " .. text, serve(lying(...)),
				{ username = "u", password = "p" })
		end
		wrong("the server does not know the password", challenge(4096), "v=" ..
			crypt.base64encode(("x"):rep(20)), true)
		wrong("the server does not know the password", challenge(4096), "", true)
		wrong("the server does not know the password", challenge(4096), "e=other-error",
			true)
		wrong("the server's challenge (SCRAM) is not an answer to ours",
			challenge(4096, function() return "another" end))
		wrong("the server's challenge (SCRAM) is not an answer to ours",
			challenge(4096, function(nonce) return nonce end))
		wrong("the server wants 100 rounds of SCRAM, 4096 to 1000000 are possible",
			challenge(100))
		wrong("the server wants 2000000000 rounds of SCRAM", challenge(2000000000))
		wrong("the server's challenge (SCRAM) is none", function() return "nonsense" end)
		wrong("the server's challenge (SCRAM) has no salt", function(nonce)
			return "r=" .. nonce .. "x,s=====,i=4096"
		end)
		wrong("the server's answer to the login has no payload", function() end)
	end },
}
