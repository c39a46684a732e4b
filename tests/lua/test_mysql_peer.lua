-- SPDX-License-Identifier: MIT
-- skynet.db.mysql against scripted servers: logins with caching_sha2_password, what breaks the
-- protocol, what is too large.
local socket = require "skynet.socket"
local channel_error = require "skynet.socketchannel".error
local crypt = require "skynet.crypt"
local core = require "skynet.db.mysql.core"
local mysql = require "skynet.db.mysql"
local beside = require "beside"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local SCRAMBLE <const> = "abcdefghijklmnopqrst"
local SHA2 <const> = "caching_sha2_password"
local OK <const> = "\0\0\0\2\0\0\0"
local EOF <const> = "\xfe\0\0\2\0"

local function frame(seq, body)
	return string.pack("<I3B", #body, seq) .. body
end

local function receive(fd)
	local head = socket.read(fd, 4)
	if not head then
		return nil
	end
	local n, seq = string.unpack("<I3B", head)
	return n > 0 and socket.read(fd, n) or "", seq
end

local function greeting(plugin, tls)
	return "\10" .. "8.0.36\0" .. string.pack("<I4", 7) .. SCRAMBLE:sub(1, 8) .. "\0"
		.. string.pack("<I2BI2I2B", tls and 0xffff or 0xf7ff, 45, 2, 0x000b, 21)
		.. ("\0"):rep(10)
		.. SCRAMBLE:sub(9) .. "\0" .. plugin .. "\0"
end

-- The token of a login packet, and the plugin that it names.
local function login_of(packet)
	local form = "<I4I4B" .. ("x"):rep(23) .. "zs1z"
	local flags, _, _, user, token, _, at = string.unpack(form, packet)
	equal(flags & 128, 0) -- no local files
	equal(user, "u")
	return token, packet:match("^[^\0]*", at)
end

-- A server that greets, runs `login(fd, token, plugin)` (nil: says yes), then answers each command
-- with answer(fd, command). Or it has TLS, and runs raw(fd) behind the greeting.
local function serve(opts)
	local id, _, port = socket.listen("127.0.0.1", 0)
	socket.start(id, function(fd)
		if not socket.start(fd) then
			return
		end
		local plugin = opts.plugin or "mysql_native_password"
		socket.write(fd, opts.greeting or frame(0, greeting(plugin, opts.raw)))
		if opts.raw then
			pcall(opts.raw, fd)
		end
		local packet = not opts.raw and receive(fd)
		if packet then
			if opts.login then
				opts.login(fd, login_of(packet))
			else
				socket.write(fd, frame(2, OK))
			end
			packet = receive(fd)
			while packet and opts.answer do
				opts.answer(fd, packet)
				packet = receive(fd)
			end
		end
		socket.close(fd)
	end)
	return port
end

local function connect(port, opts)
	opts = opts or {}
	opts.host, opts.port, opts.user, opts.password = "127.0.0.1", port, "u", "secret"
	return mysql.connect(opts)
end

local function refused(text, port, opts)
	local from = #tap.log()
	local ok, why = pcall(connect, port, opts)
	assert(not ok and why == channel_error, tostring(why))
	tap.logged(text, from)
end

local function sha2(password, scramble)
	local once = crypt.sha256(password)
	return crypt.xor_str(once, crypt.sha256(crypt.sha256(once) .. scramble))
end

local function column(name, type)
	return "\3def\0\1t\1t" .. string.pack("s1s1", name, name) .. "\12"
		.. string.pack("<I2I4BI2Bxx", 45, 255, type, 0, 0)
end

-- The request against a server that answers it with these bytes raises the text.
local function breaks(text, bytes, opts)
	local db = connect(serve { answer = function(fd) socket.write(fd, bytes) end }, opts)
	raises(text, db.query, db, "select 1")
	db:disconnect()
end

local function shell(cmd)
	local p <close> = assert(io.popen(cmd))
	return p:read "a"
end

local function write_file(path, bytes)
	local f <close> = assert(io.open(path, "wb"))
	f:write(bytes)
end

-- The server's side of a login that needs the whole password, with a key in `dir`.
local function whole_password(dir, seen)
	return function(fd, token, plugin)
		seen.token, seen.plugin = token, plugin
		socket.write(fd, frame(2, "\1\4"))
		local packet, seq = receive(fd)
		if packet == "\2" then
			seen.asked = true
			local key = shell(("cat %s/public"):format(dir))
			socket.write(fd, frame(seq + 1, "\1" .. key))
			packet, seq = receive(fd)
		end
		if packet then
			write_file(dir .. "/sealed", packet)
			local command = "openssl pkeyutl -decrypt -inkey %s/key -in %s/sealed "
				.. "-pkeyopt rsa_padding_mode:oaep"
			seen.clear = crypt.xor_str(shell(command:format(dir, dir)), SCRAMBLE)
			socket.write(fd, frame(seq + 1, OK))
		end
	end
end

tap.run {
	{ "caching_sha2_password: a password that the server remembers", function()
		local seen
		local port = serve { plugin = SHA2, login = function(fd, token, plugin)
			seen = { token = token, plugin = plugin }
			socket.write(fd, frame(2, "\1\3") .. frame(3, OK))
		end }
		connect(port):disconnect()
		equal(seen.plugin, "caching_sha2_password")
		equal(seen.token, sha2("secret", SCRAMBLE))
	end },
	{ "caching_sha2_password: the whole password goes only to a key that is trusted", function()
		local dir = shell "mktemp -d":gsub("%s+$", "")
		shell(("openssl genrsa -out %s/key 2048 2>/dev/null; "
			.. "openssl rsa -in %s/key -pubout -out %s/public 2>/dev/null")
			:format(dir, dir, dir))
		local seen = {}
		local port = serve { plugin = SHA2, login = whole_password(dir, seen) }
		refused("give server_public_key (PEM), or get_server_public_key = true", port)
		equal(seen.asked, nil)
		connect(port, { get_server_public_key = true }):disconnect()
		equal(seen.asked, true)
		equal(seen.clear, "secret\0")
		seen.asked, seen.clear = nil, nil
		local key = shell(("cat %s/public"):format(dir))
		connect(port, { server_public_key = key }):disconnect()
		equal(seen.asked, nil)
		equal(seen.clear, "secret\0")
		os.execute("rm -rf " .. dir)
	end },
	{ "caching_sha2_password: the whole password in TLS to who has shown who it is", function()
		local tlshelper = require "http.tlshelper"
		local dir = beside.folder()
		local cert, key = beside.certificate(dir)
		local ctx, clear = tlshelper.newctx(), nil
		ctx:set_cert(cert, key)
		local function in_tls(fd)
			local head = receive(fd)
			equal(#head, 32) -- no user in it
			equal(string.unpack("<I4", head) & 2048, 2048)
			local session = tlshelper.newtls("server", ctx)
			if not pcall(tlshelper.init_responsefunc(fd, session)) then
				return
			end
			local read = tlshelper.readfunc(fd, session)
			local write = tlshelper.writefunc(fd, session)
			local function packet()
				local n, seq = string.unpack("<I3B", read(4))
				return read(n), seq
			end
			local login, seq = packet()
			equal(seq, 2)
			equal(login_of(login), sha2("secret", SCRAMBLE))
			write(frame(3, "\1\4"))
			clear = packet()
			write(frame(5, OK))
			packet()
		end
		local port = serve { plugin = SHA2, raw = in_tls }
		local function tls(ssl, allow)
			return { ssl = ssl, allow_cleartext = allow }
		end
		connect(port, tls { ca = cert, name = "localhost" }):disconnect()
		equal(clear, "secret\0")
		clear = nil
		refused("has not shown who it is", port, tls { verify = false })
		refused("IP address mismatch", port, tls { ca = cert })
		equal(clear, nil)
		connect(port, tls({ verify = false }, true)):disconnect()
		equal(clear, "secret\0")
		os.execute("rm -rf " .. dir)
	end },
	{ "another login than the greeting names", function()
		local token
		local port = serve { login = function(fd)
			local scramble = SCRAMBLE:upper()
			socket.write(fd, frame(2, "\xfe" .. SHA2 .. "\0" .. scramble .. "\0"))
			token = receive(fd)
			socket.write(fd, frame(4, OK))
		end }
		connect(port):disconnect()
		equal(token, sha2("secret", SCRAMBLE:upper()))
		local old = "old pre-4.1 authentication protocol not supported"
		refused(old, serve { login = function(fd)
			socket.write(fd, frame(2, "\xfe"))
		end })
		refused("the server wants the login dialog", serve { login = function(fd)
			socket.write(fd, frame(2, "\xfedialog\0\0"))
		end })
	end },
	{ "greetings that are none", function()
		refused("errno:1040, msg:Too many connections,sqlstate:", serve {
			greeting = frame(0, "\xff\x10\4Too many connections") })
		refused("the server speaks protocol 9, not 10",
			serve { greeting = frame(0, "\9x\0") })
		refused("the server sent a packet that ends early",
			serve { greeting = frame(0, "\10x") })
		refused("packet 5 arrived where 0 was due", serve { greeting = frame(5, "\10") })
		refused("the server sent an empty packet", serve { greeting = frame(0, "") })
		refused("the server's login has no end", serve { login = function(fd)
			for seq = 2, 20 do
				socket.write(fd, frame(seq, "\1\3"))
			end
		end })
	end },
	{ "answers that break the protocol", function()
		breaks("the server asks for a file of this machine", frame(1, "\xfb/etc/passwd"))
		breaks("packet 2 arrived where 1 was due", frame(2, OK))
		breaks("a result of 5000 columns", frame(1, "\xfc\x88\x13"))
		breaks("a result of -1 columns", frame(1, "\xfe" .. ("\xff"):rep(8)))
		breaks("a column that is none", frame(1, "\1") .. frame(2, "\3def\xff"))
		breaks("no end behind the columns",
			frame(1, "\1") .. frame(2, column("a", 3)) .. frame(3, "\1" .. "1"))
		breaks("a row that does not fit its columns",
			frame(1, "\1") .. frame(2, column("a", 3)) .. frame(3, EOF)
			.. frame(4, "\1" .. "1x"))
		breaks("the server sent no number where one belongs", frame(1, "\0\xff"))
	end },
	{ "rows without end, and a size without the bytes, meet the limit", function()
		local head = frame(1, "\1") .. frame(2, column("a", 3)) .. frame(3, EOF)
		local rows = {}
		for i = 4, 2000 do
			rows[#rows + 1] = frame(i & 255, "\xfb")
		end
		local limit = { answer_max = 100000 }
		local text = "an answer is larger than 100000 bytes (answer_max)"
		breaks(text, head .. table.concat(rows), limit)
		breaks(text, string.pack("<I3B", 0xfffffe, 1), limit)
	end },
	{ "a silent server: the request fails in time, and the next one connects again", function()
		local asked = 0
		local db = connect(serve { answer = function(fd)
			asked = asked + 1
			if asked > 1 then
				socket.write(fd, frame(1, OK))
			end
		end }, { timeout = 20 })
		raises("socket: no answer from 127.0.0.1:", db.query, db, "select 1")
		equal(db:ping().affected_rows, 0)
		equal(asked, 2)
		db:disconnect()
		refused("socket: no answer from 127.0.0.1:", serve { login = function(fd)
			socket.read(fd) -- until the client goes
		end }, { timeout = 20 })
	end },
	{ "numbers that end early, in as many columns as there may be", function()
		local n <const> = 4096
		local names, long = {}, "1\0" .. ("2"):rep(70)
		for i = 1, n do
			names[i] = "c" .. i
		end
		for _, text in ipairs { "1\0", "1\0002", "", "0x", long } do
			local packet = (string.char(#text) .. text):rep(n)
			for _, compact in ipairs { true, false } do
				local row = core.textrow(packet, names, ("\3\0\0"):rep(n), compact)
				equal(next(row), nil)
			end
		end
		equal(core.textrow("\0017", { "c" }, "\3\0\0", true)[1], 7)
		equal(core.textrow("\72" .. ("0"):rep(71) .. "7", { "c" }, "\3\0\0", true)[1], 7)
	end },
	{ "an error between the rows, behind rows that came", function()
		local db = connect(serve { answer = function(fd)
			socket.write(fd, frame(1, "\1") .. frame(2, column("a", 3)) .. frame(3, EOF)
				.. frame(4, "\1" .. "1")
				.. frame(5, "\xff\x25\5#70100Query execution was interrupted"))
		end })
		local r = db:query "select 1"
		equal(r.badresult, true)
		equal(r.errno, 1317)
		equal(r.sqlstate, "70100")
		equal(r.err, "Query execution was interrupted")
		equal(#r, 0)
		equal(db:query "select 1".errno, 1317)
		db:disconnect()
	end },
}
