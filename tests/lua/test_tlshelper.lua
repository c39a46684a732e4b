-- SPDX-License-Identifier: MIT
-- http.tlshelper on real sockets: both ends here, OpenSSL's own server at the other end, peers that
-- are strangers, silent, or speak no TLS.
local skynet = require "skynet"
local socket = require "skynet.socket"
local sockethelper = require "http.sockethelper"
local tlshelper = require "http.tlshelper"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local dir, server_ctx

local function sh(fmt, ...)
	return os.execute(fmt:format(...))
end

-- Serves connections with serve(read, write, tls, fd) behind the handshake; what went wrong is in
-- the table that is returned behind the port.
local function listen(serve)
	local failures = {}
	local id, _, port = socket.listen("127.0.0.1", 0)
	socket.start(id, function(fd)
		socket.start(fd)
		local tls = tlshelper.newtls("server", server_ctx)
		local init, close = tlshelper.init_responsefunc(fd, tls), tlshelper.closefunc(tls)
		local ok, why = pcall(function()
			init()
			serve(tlshelper.readfunc(fd, tls), tlshelper.writefunc(fd, tls), tls, fd)
		end)
		if not ok then
			failures[#failures + 1] = tostring(why)
		end
		close()
		socket.close(fd)
	end)
	return id, port, failures
end

-- A connection whose handshake is done.
local function connect(port, ctx, hostname)
	local fd = sockethelper.connect("127.0.0.1", port)
	local tls = tlshelper.newtls("client", ctx or tlshelper.newctx())
	local ok, why = pcall(tlshelper.init_requestfunc(fd, tls), hostname)
	if not ok then
		socket.close(fd)
		error(why, 0)
	end
	return {
		fd = fd, tls = tls,
		read = tlshelper.readfunc(fd, tls), write = tlshelper.writefunc(fd, tls),
		readall = tlshelper.readallfunc(fd, tls), close = tlshelper.closefunc(tls),
	}
end

local function disconnect(c)
	c.close()
	socket.close(c.fd)
end

local function echo(read, write)
	while true do
		write(read())
	end
end

tap.run {
	{ "a certificate for the test", function()
		local f <close> = assert(io.popen "mktemp -d")
		dir = f:read "l"
		assert(sh("cd %s && openssl req -x509 -newkey ec -nodes -days 2 "
			.. "-subj /CN=localhost "
			.. "-pkeyopt ec_paramgen_curve:prime256v1 "
			.. "-addext subjectAltName=DNS:localhost "
			.. "-keyout key.pem -out cert.pem 2>/dev/null", dir))
		server_ctx = tlshelper.newctx()
		server_ctx:set_cert(dir .. "/cert.pem", dir .. "/key.pem")
	end },
	{ "bytes there and back, by size or as they come", function()
		local id, port, failures = listen(echo)
		local c = connect(port, nil, "localhost")
		c.write "hello world"
		equal(c.read(0), "")
		equal(c.read(5), "hello")
		equal(c.read(6), " world")
		c.write "again"
		equal(c.read(), "again")
		c.write "kept"
		equal(c.read(1), "k")
		equal(c.read(), "ept")
		local large = ("0123456789"):rep(100000)
		skynet.fork(c.write, large)
		equal(c.read(#large), large)
		disconnect(c)
		socket.close(id)
		tap.until_true("the end on the other side", function() return failures[1] end)
		assert(failures[1]:find("[Socket Error]", 1, true), failures[1])
	end },
	{ "readall returns all until the end, and knows whether it was one", function()
		local id, port = listen(function(read, write)
			write(("x"):rep(tonumber(read(6))))
		end)
		for _, n in ipairs { 0, 1, 100000 } do
			local c = connect(port)
			c.write(("%06d"):format(n))
			equal(#c.readall(), n)
			equal(c.tls:ended(), true)
			disconnect(c)
		end
		socket.close(id)
		local cut
		id, port = listen(function(_, write, _, fd)
			write "half"
			cut = fd
			socket.shutdown(fd)
		end)
		local c = connect(port)
		local text = c.readall()
		assert(text == "half" or text == "", text)
		equal(c.tls:ended(), false)
		raises("[Socket Error]", c.read)
		disconnect(c)
		socket.close(id)
		assert(cut)
	end },
	{ "a client that verifies: by its context, the environment, or not", function()
		local id, port, failures = listen(echo)
		local why = raises("certificate verify failed: self-signed certificate",
			connect, port, tlshelper.clientctx(), "localhost")
		assert(not why:find "traceback")
		tap.until_true("the alert", function() return failures[1] end)
		assert(failures[1]:find "unknown ca", failures[1])
		equal(tlshelper.clientctx(), tlshelper.clientctx())
		local ctx = tlshelper.newctx()
		ctx:set_verify(dir .. "/cert.pem")
		raises("certificate verify failed: hostname mismatch",
			connect, port, ctx, "example.com")
		local c = connect(port, ctx, "localhost")
		c.write "x"
		equal(c.read(), "x")
		disconnect(c)
		socket.close(id)
	end },
	{ "httpc and websocket take the server of the right name only", function()
		local httpc, websocket = require "http.httpc", require "http.websocket"
		local asked
		local id, port = listen(function(read, write)
			asked = read()
			write "HTTP/1.1 200 OK\r\n\r\nhello"
		end)
		local host = "https://localhost:" .. port
		raises("certificate verify failed: self-signed certificate", httpc.get, host, "/")
		raises("certificate verify failed: self-signed certificate",
			websocket.connect, ("wss://localhost:%d/"):format(port))
		equal(asked, nil)
		local context = tlshelper.clientctx
		tlshelper.clientctx = function()
			local ctx = tlshelper.newctx()
			ctx:set_verify(dir .. "/cert.pem")
			return ctx
		end
		local status, body = httpc.get(host, "/page")
		equal(status, 200)
		equal(body, "hello")
		assert(asked:find "^GET /page HTTP/1.1", asked)
		raises("certificate verify failed: IP address mismatch",
			httpc.get, "https://127.0.0.1:" .. port, "/")
		tlshelper.clientctx = context
		socket.close(id)
	end },
	{ "the environment says whom clients trust", function()
		local id, port = listen(echo)
		local function fresh()
			package.loaded["http.tlshelper"] = nil
			return require "http.tlshelper".clientctx()
		end
		skynet.setenv("tls_ca_file", dir .. "/cert.pem")
		disconnect(connect(port, fresh(), "localhost"))
		raises("hostname mismatch", connect, port, fresh(), "example.com")
		skynet.setenv("tls_verify", "false")
		disconnect(connect(port, fresh(), "example.com"))
		socket.close(id)
	end },
	{ "a peer that speaks no TLS gets an error, and the server too", function()
		local id, port, failures = listen(echo)
		local fd = sockethelper.connect("127.0.0.1", port)
		socket.write(fd, "GET / HTTP/1.1\r\n\r\n")
		socket.readall(fd)
		socket.close(fd)
		equal(#failures, 1)
		assert(failures[1]:find "SSL_do_handshake error:1 %(http request%)", failures[1])
		socket.close(id)
		id, _, port = socket.listen("127.0.0.1", 0)
		socket.start(id, function(peer)
			socket.start(peer)
			socket.read(peer)
			socket.write(peer, "HTTP/1.1 400 Bad Request\r\n\r\n")
			socket.close(peer)
		end)
		raises("SSL_do_handshake error:1 (wrong version number)", connect, port)
		socket.close(id)
	end },
	{ "a peer that is silent gets so much time for its handshake", function()
		local id, port, failures = listen(echo)
		local before = tlshelper.handshake_timeout
		tlshelper.handshake_timeout = 20
		local fd = sockethelper.connect("127.0.0.1", port)
		equal(socket.readall(fd) or "", "")
		socket.close(fd)
		assert(failures[1]:find("[Socket Error]", 1, true), failures[1])
		tlshelper.handshake_timeout = before
		-- Who is done in time is left alone.
		tlshelper.handshake_timeout = 100
		local c = connect(port)
		tlshelper.handshake_timeout = before
		c.write "early"
		equal(c.read(), "early")
		disconnect(c)
		socket.close(id)
	end },
	{ "openssl s_server as an HTTP server", function()
		local p <close> = assert(io.popen(("cd %s; echo $$; exec timeout 20 "
			.. "openssl s_server -accept 127.0.0.1:0 -naccept 1 "
			.. "-cert cert.pem -key key.pem -www 2>&1 </dev/null"):format(dir)))
		local pid, port = p:read "n", nil
		for line in p:lines() do
			port = line:match "^ACCEPT .-:(%d+)"
			if port then
				break
			end
		end
		local c = connect(tonumber(port), nil, "localhost")
		c.write "GET / HTTP/1.0\r\n\r\n"
		local page = c.readall()
		disconnect(c)
		sh("kill %d 2>/dev/null", pid)
		assert(page:find "^HTTP/1.0 200 ok" and page:find "</HTML>%s*$", page)
	end },
	{ "what was made is removed", function()
		assert(sh("rm -r %s", dir))
	end },
}
