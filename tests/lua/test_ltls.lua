-- SPDX-License-Identifier: MIT
-- ltls.c: both ends in memory, OpenSSL's own client and server at the other end, certificates that
-- do not hold, and handshakes that are none.
local skynet = require "skynet"
local socket = require "skynet.socket"
local ltls = require "ltls.c"
local tap = require "tap"
local keyupdate = require "keyupdate"
local equal, raises = tap.equal, tap.raises

local dir -- with cert and key for localhost and 127.0.0.1, and those of a stranger

local function sh(fmt, ...)
	return os.execute(fmt:format(...))
end

local function output(fmt, ...)
	local f <close> = assert(io.popen(fmt:format(...)))
	return f:read "a"
end

local function make_certificate(name, host)
	assert(sh("cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 "
		.. "-nodes -days 2 -subj /CN=%s -addext subjectAltName=DNS:%s,IP:127.0.0.1 "
		.. "-keyout %s.key -out %s.pem 2>/dev/null", dir, host, host, name, name))
end

local function server_context(name)
	local ctx = ltls.newctx()
	ctx:set_cert(("%s/%s.pem"):format(dir, name or "own"),
		("%s/%s.key"):format(dir, name or "own"))
	return ctx
end

local function verifying(name)
	local ctx = ltls.newctx()
	ctx:set_verify(("%s/%s.pem"):format(dir, name or "own"))
	return ctx
end

-- Hands over what both have to say until both are done; how many turns.
local function shake(client, server)
	local out, turns = client:handshake(), 0
	while not (client:finished() and server:finished()) do
		turns = turns + 1
		assert(turns < 10, "the handshake does not end")
		local answer = server:handshake(out)
		if client:finished() then
			equal(client:read(answer), "")
		else
			out = client:handshake(answer)
		end
	end
	equal(client:read(server:write()), "")
	return turns
end

local function pair(hostname, client_ctx, server_ctx)
	local client = ltls.newtls("client", client_ctx or ltls.newctx(), hostname)
	local server = ltls.newtls("server", server_ctx or server_context())
	shake(client, server)
	return client, server
end

-- A socket's side of a handshake, as programs write it.
local function shake_socket(tls, id, out)
	while true do
		if out then
			assert(socket.write(id, out))
		end
		if tls:finished() then
			return
		end
		out = tls:handshake(assert(socket.read(id), "the peer has closed the connection"))
	end
end

local function read_line(tls, id)
	local text = tls:read()
	while not text:find "\n" do
		text = text .. tls:read(assert(socket.read(id)))
	end
	return text:match "^(.-)\r?\n"
end

-- Serves one line a connection at a port of the kernel's choice.
local function listen(ctx)
	local seen = {}
	local id, _, port = socket.listen("127.0.0.1", 0)
	socket.start(id, function(fd)
		socket.start(fd)
		local tls <close> = setmetatable({ own = ltls.newtls("server", ctx) },
			{ __close = function(t) t.own:close() end })
		local ok, why = pcall(function()
			shake_socket(tls.own, fd, tls.own:handshake(socket.read(fd)))
			local line = read_line(tls.own, fd)
			socket.write(fd, tls.own:write(tls.own:version() .. " " .. line:reverse()
				.. "\n"))
			socket.write(fd, tls.own:shutdown())
		end)
		if not ok then
			seen[#seen + 1] = tostring(why)
			socket.write(fd, tls.own:write())
		end
		socket.close(fd)
	end)
	return id, port, seen
end

-- What openssl s_client prints, and whether it was content.
local function s_client(port, args)
	sh("rm -f %s/out %s/status; (printf 'hello\\n' | timeout 20 openssl s_client "
		.. "-connect 127.0.0.1:%d -quiet %s "
		.. ">%s/out 2>&1; echo $? >%s/status.new; mv %s/status.new %s/status) &", dir, dir,
			port, args, dir, dir, dir, dir)
	local status = tap.until_true("openssl s_client", function()
		local f <close> = io.open(dir .. "/status")
		return f and f:read "n"
	end)
	local f <close> = io.open(dir .. "/out")
	return f:read "a", status
end

-- Runs f(port) beside openssl s_server, which sends each line back reversed.
local function with_s_server(args, f)
	local p <close> = assert(io.popen(("cd %s; echo $$; exec timeout 20 openssl s_server "
		.. "-accept 127.0.0.1:0 -naccept 1 "
		.. "-cert own.pem -key own.key -rev %s 2>&1 </dev/null"):format(dir, args)))
	local pid = p:read "n"
	local port
	for line in p:lines() do
		port = line:match "^ACCEPT .-:(%d+)"
		if port then
			break
		end
	end
	local ok, why = xpcall(f, debug.traceback, assert(port, "s_server does not start"))
	os.execute("kill " .. pid .. " 2>/dev/null")
	assert(ok, why)
end

local function ask_s_server(args, ctx, hostname)
	local answer, version
	with_s_server(args, function(port)
		local id = assert(socket.open("127.0.0.1", tonumber(port)))
		local tls = ltls.newtls("client", ctx, hostname)
		local ok, why = pcall(function()
			shake_socket(tls, id, tls:handshake())
			version = tls:version()
			assert(socket.write(id, tls:write "hello\n"))
			answer = read_line(tls, id)
		end)
		tls:close()
		socket.close(id)
		assert(ok, why)
	end)
	return answer, version
end

tap.run {
	{ "certificates for the test", function()
		dir = output("mktemp -d"):match "%S+"
		make_certificate("own", "localhost")
		make_certificate("stranger", "localhost")
		make_certificate("other", "example.com")
	end },
	{ "both ways in memory, any size", function()
		local client, server = pair "localhost"
		equal(client:version(), "TLSv1.3")
		for _, n in ipairs { 1, 100, 16384, 16385, 100000, 1000000 } do
			local text = ("x"):rep(n - 1) .. "y"
			equal(server:read(client:write(text)), text)
			equal(client:read(server:write(text)), text)
		end
		equal(client:read(), "")
		equal(client:read "", "")
		equal(client:write(), "")
		-- In pieces, as the network may cut it.
		local code, got = client:write(("abc"):rep(50)), ""
		for i = 1, #code do
			got = got .. server:read(code:sub(i, i))
		end
		equal(got, ("abc"):rep(50))
		client:close()
		server:close()
	end },
	{ "text that comes with the last bytes of the handshake is not lost", function()
		local client = ltls.newtls("client", ltls.newctx())
		local server = ltls.newtls("server", server_context())
		local last = client:handshake(server:handshake(client:handshake()))
		assert(client:finished() and not server:finished())
		server:handshake(last .. client:write "early")
		equal(server:read(), "early")
	end },
	{ "the end: who says so, and who does not", function()
		local client, server = pair()
		equal(server:ended(), false)
		equal(server:read(client:write "last" .. client:shutdown()), "last")
		equal(server:ended(), true)
		equal(server:read "anything behind it", "")
		equal(client:read(server:write "still"), "still")
		equal(client:ended(), false)
		client:read(server:shutdown())
		equal(client:ended(), true)
	end },
	{ "a connection that has failed says no farewell", function()
		local _, server = pair()
		assert(not pcall(server.read, server, "no record of TLS"))
		server:shutdown() -- an alert about the failure may lie there
		equal(server:shutdown(), "")
	end },
	{ "what is out of order raises", function()
		local client, server = pair()
		raises("handshake is finished", client.handshake, client)
		raises("handshake is finished", server.handshake, server, "x")
		client:close()
		client:close()
		for _, f in ipairs { "handshake", "finished", "read", "write", "set_ext_host_name",
			"shutdown", "ended", "version" } do
			raises("context is closed", client[f], client, "x")
		end
		local early = ltls.newtls("client", ltls.newctx())
		equal(early:finished(), false)
		raises("handshake is not finished", early.write, early, "x")
		raises("handshake is not finished", early.read, early, "x")
		raises("invalid option 'peer'", ltls.newtls, "peer", ltls.newctx())
		raises("ltls.context expected", ltls.newtls, "client")
	end },
	{ "files and names that are wrong raise with what is wrong", function()
		local ctx = ltls.newctx()
		local why = raises("SSL_CTX_use_certificate_chain_file /nowhere error:",
			ctx.set_cert, ctx, "/nowhere", "/nowhere")
		assert(why:find "No such file", why)
		raises("SSL_CTX_use_PrivateKey_file", ctx.set_cert, ctx, dir .. "/own.pem",
			dir .. "/own.pem")
		raises("key values mismatch", ctx.set_cert, ctx, dir .. "/own.pem",
			dir .. "/stranger.key")
		raises("SSL_CTX_load_verify_file", ctx.set_verify, ctx, "/nowhere")
		raises("SSL_CTX_set_cipher_list", ctx.set_ciphers, ctx, "no such cipher")
		ctx:set_ciphers "ECDHE+AESGCM"
		assert(sh("cd %s && openssl ec -in own.key -aes256 -passout pass:secret "
			.. "-out locked.key 2>/dev/null", dir))
		raises("SSL_CTX_use_PrivateKey_file", ctx.set_cert, ctx, dir .. "/own.pem",
			dir .. "/locked.key")
	end },
	{ "a server without a certificate refuses, and says so to the client", function()
		local client, server = ltls.newtls("client", ltls.newctx()),
			ltls.newtls("server", ltls.newctx())
		local hello = client:handshake()
		raises("SSL_do_handshake error:1 (no shared cipher)", server.handshake, server,
			hello)
		raises("SSL_do_handshake error:1 (no shared cipher)", server.handshake, server)
		raises("SSL_do_handshake error:1 (sslv3 alert handshake failure)", client.handshake,
			client, server:write())
	end },
	{ "a client that verifies takes the certificate of the right host only", function()
		pair("localhost", verifying())
		pair("127.0.0.1", verifying())
		local function refused(why, hostname, ctx, server_name)
			local client, server = ltls.newtls("client", ctx, hostname),
				ltls.newtls("server", server_context(server_name))
			local answer = server:handshake(client:handshake())
			why = ("SSL_do_handshake error:1 (certificate verify failed: %s)")
				:format(why)
			raises(why, client.handshake, client, answer)
			raises("SSL_do_handshake error:1", server.handshake, server, client:write())
		end
		refused("hostname mismatch", "example.com", verifying())
		refused("hostname mismatch", "localhost", verifying "other", "other")
		refused("IP address mismatch", "127.0.0.2", verifying())
		refused("self-signed certificate", "localhost", verifying "stranger")
		local system = ltls.newctx()
		system:set_verify()
		refused("self-signed certificate", "localhost", system)
		local nameless = ltls.newtls("client", verifying())
		raises("no host name to verify the certificate for", nameless.handshake, nameless)
		nameless:set_ext_host_name "localhost"
		shake(nameless, ltls.newtls("server", server_context()))
	end },
	{ "a server that verifies takes clients with a certificate only", function()
		local ctx = server_context()
		ctx:set_verify(dir .. "/stranger.pem")
		pair("localhost", server_context "stranger", ctx)
		local client, server = ltls.newtls("client", ltls.newctx()),
			ltls.newtls("server", ctx)
		local last = client:handshake(server:handshake(client:handshake()))
		raises("peer did not return a certificate", server.handshake, server, last)
		client, server = ltls.newtls("client", server_context "other"),
			ltls.newtls("server", ctx)
		last = client:handshake(server:handshake(client:handshake()))
		raises("certificate verify failed: self-signed certificate", server.handshake,
			server, last)
	end },
	{ "bytes that somebody changed on their way fail, after the text before them", function()
		local client, server = pair()
		local good, bad = client:write "good", client:write "bad"
		local broken = bad:sub(1, -2) .. string.char(bad:byte(-1) ~ 1)
		equal(server:read(good .. broken), "good")
		raises("SSL_read error:1 (decryption failed or bad record mac)", server.read,
			server)
		raises("SSL_read error:1", server.read, server, client:write "more")
		raises("SSL_read error:1", server.write, server, "x")
		raises("bad record mac", client.read, client, server:write())
	end },
	{ "openssl s_client against our server, TLS 1.2 and 1.3", function()
		local id, port, seen = listen(server_context())
		for _, v in ipairs { "1.2", "1.3" } do
			local out, status = s_client(port,
				("-tls%s -CAfile %s/own.pem -verify_return_error "
				.. "-verify_hostname localhost "
				.. "-servername localhost"):format(v:gsub("%.", "_"), dir))
			assert(status == 0 and out:find(("TLSv%s olleh"):format(v), 1, true), out)
		end
		equal(#seen, 0)
		local out, status = s_client(port, "-tls1_1 -cipher ALL:@SECLEVEL=0")
		assert(status ~= 0, out)
		assert(seen[1] and seen[1]:find "unsupported protocol", seen[1])
		socket.close(id)
	end },
	{ "our client against openssl s_server, TLS 1.2 and 1.3", function()
		for _, v in ipairs { "1.2", "1.3" } do
			local answer, version = ask_s_server("-tls" .. v:gsub("%.", "_"),
				verifying(), "localhost")
			equal(answer, "olleh")
			equal(version, "TLSv" .. v)
		end
		raises("certificate verify failed: self-signed certificate", ask_s_server, "",
			verifying "stranger", "localhost")
		equal(ask_s_server("", ltls.newctx(), "whatever.example"), "olleh")
	end },
	{ "the name goes to the server, an address does not", function()
		local function hello(name)
			return ltls.newtls("client", ltls.newctx(), name):handshake()
		end
		assert(hello("a.example.com"):find("a.example.com", 1, true))
		assert(not hello("127.0.0.1"):find("127.0.0.1", 1, true))
		assert(not hello("::1"):find("::1", 1, true))
		local tls = ltls.newtls("client", ltls.newctx())
		tls:set_ext_host_name "b.example.com"
		assert(tls:handshake():find("b.example.com", 1, true))
	end },
	{ "the protocol above: the server's best that the client has, too", function()
		local server, client = server_context(), ltls.newctx()
		local function agree(ours, theirs)
			if theirs then
				server:set_alpn(theirs)
			end
			client:set_alpn(ours)
			local c, s = pair("localhost", client, server)
			equal(c:alpn(), s:alpn())
			return c:alpn()
		end
		equal(agree { "http/1.1" }, nil)
		equal(agree({ "h2", "http/1.1" }, { "http/1.1" }), "http/1.1")
		equal(agree({ "a", "b", "c" }, { "c", "b" }), "c")
		raises("no application protocol", agree, { "h2" }, { "http/1.1" })
		equal(pair("localhost", ltls.newctx(), server):alpn(), nil)
		raises("no names", client.set_alpn, client, {})
		raises("names of 1 to 255 bytes", client.set_alpn, client, { "" })
		raises("names of 1 to 255 bytes", client.set_alpn, client, { ("x"):rep(256) })
		raises("too many names", client.set_alpn, client, { ("x"):rep(200), ("y"):rep(60) })
	end },
	{ "keys in place of certificates, and one that takes another's place", function()
		local function with(...)
			local ctx = ltls.newctx()
			ctx:set_keys { ... }
			return ctx
		end
		local old, new = { "old", ("o"):rep(32) }, { "new", ("n"):rep(32) }
		local liar = { "new", ("x"):rep(32) }
		for _, both in ipairs { { with(old), with(old) }, { with(old), with(new, old) },
			{ with(new, old), with(new) }, { with(new, old), with(old, new) } } do
			local c, s = pair(nil, both[1], both[2])
			equal(s:read(c:write "secret"), "secret")
			equal(c:version(), "TLSv1.3")
		end
		for _, both in ipairs { { with(old), with(new) }, { with(liar), with(new) },
			{ ltls.newctx(), with(new) }, { with(new), server_context() } } do
			assert(not pcall(pair, nil, both[1], both[2]))
		end
		for _, bad in ipairs { {}, { old, old, old }, { { "x", "short" } }, { { old } },
			{ { ("n"):rep(64), old[2] } }, { { "", old[2] } }, { 1 } } do
			assert(not pcall(with(old).set_keys, with(old), bad))
		end
	end },
	{ "the certificate by the name that a client asks for", function()
		local server = server_context()
		server:add_host("one.example.com", server_context "stranger")
		server:add_host("*.example.org", server_context "stranger")
		server:add_host("one.example.com", server_context())
		collectgarbage()
		-- Whose certificate it was is told by who trusts it.
		local function shows(name)
			for _, whose in ipairs { "own", "stranger" } do
				local ctx = verifying(whose)
				local ok, why = pcall(pair, name, ctx, server)
				if ok or not tostring(why):find "self%-signed" then
					return whose
				end
			end
		end
		equal(shows "one.example.com", "stranger")
		equal(shows "ONE.example.com", "stranger")
		equal(shows "two.example.com", "own")
		equal(shows "x.example.org", "stranger")
		equal(shows "y.x.example.org", "own")
		equal(shows "example.org", "own")
		equal(shows "localhost", "own")
		local client, s = pair("two.example.com", ltls.newctx(), server)
		equal(s:hostname(), "two.example.com")
		equal(client:hostname(), "two.example.com")
		equal(select(2, pair(nil, ltls.newctx(), server)):hostname(), nil)
		raises("another context expected", server.add_host, server, "x", server)
		raises("a host's name expected", server.add_host, server, "", ltls.newctx())
	end },
	{ "handshakes that are none fail with an error", function()
		local ctx = server_context()
		for text, why in pairs {
			["GET / HTTP/1.1\r\n\r\n"] = "http request",
				[("\0"):rep(100)] = "wrong version number",
			[("\xff"):rep(20000)] = "wrong version number",
				["\x16\x03\x01\xff\xff"
				.. ("x"):rep(70000)] = "packet length too long",
		} do
			local server = ltls.newtls("server", ctx)
			raises(why, server.handshake, server, text)
			raises(why, server.handshake, server)
			server:close()
		end
	end },
	{ "any bytes changed or missing in either direction of a handshake", function()
		math.randomseed(7)
		local ctx, client_ctx = server_context(), verifying()
		local failed, done = 0, 0
		local function spoil(bytes)
			if not bytes or math.random(3) > 1 then
				return bytes
			end
			local at = math.random(#bytes)
			if math.random(4) == 1 then
				return bytes:sub(1, at)
			end
			return bytes:sub(1, at - 1) .. string.char(math.random(0, 255))
				.. bytes:sub(at + 1)
		end
		for _ = 1, 500 do
			local client, server = ltls.newtls("client", client_ctx, "localhost"),
				ltls.newtls("server", ctx)
			local ok, why = pcall(function()
				local out = spoil(client:handshake())
				for _ = 1, 6 do
					if not server:finished() then
						out = spoil(server:handshake(out))
					end
					if not client:finished() then
						out = spoil(client:handshake(out))
					end
				end
				return client:finished() and server:finished()
			end)
			if ok then
				done = done + (why and 1 or 0)
			else
				failed = failed + 1
				assert(tostring(why):find "SSL_do_handshake error:%d+ %(", why)
			end
		end
		assert(failed > 50 and done > 50, failed .. " " .. done)
	end },
	{ "a peer that asks for new keys is answered, without end it is a fault", function()
		local client, server = pair()
		local function ask(times)
			local asked = {}
			for i = 1, times do
				assert(keyupdate.ask(client))
				asked[i] = client:write()
			end
			return table.concat(asked)
		end
		for _ = 1, 100 do -- a server that says something now and then
			equal(server:read(ask(100)), "")
			equal(client:read(server:write "text"), "text")
		end
		raises("keeps asking for new keys", function() -- one that only reads
			for _ = 1, 100 do
				server:read(ask(100))
			end
		end)
		raises("keeps asking for new keys", server.read, server)
		assert(#server:write() < 128 << 10)
	end },
	{ "ltls.init.c is there, and has nothing to do", function()
		local init = require "ltls.init.c"
		equal(init.constructor(), nil)
		equal(init.destructor(), nil)
		pair()
	end },
	{ "what was made is removed", function()
		assert(sh("rm -r %s", dir))
	end },
}
