-- SPDX-License-Identifier: MIT
-- http.httpd and http.httpc over TLS and without: one connection for many requests, requests that
-- come before the answer, chunks both ways, and what bounds a request: its header, its body, time.
local skynet = require "skynet"
local socket = require "skynet.socket"
local driver = require "skynet.socketdriver"
local httpd = require "http.httpd"
local httpc = require "http.httpc"
local sockethelper = require "http.sockethelper"
local tlshelper = require "http.tlshelper"
local tap = require "tap"
local equal = tap.equal

local dir, server_ctx, client_ctx

local function sh(fmt, ...)
	return os.execute(fmt:format(...))
end

-- ---- a server, either way ----

local connections, ended -- how many came, and what ended the last

local function interface_of(fd, tls)
	if not tls then
		return sockethelper.readfunc(fd), sockethelper.writefunc(fd), function() end
	end
	local session = tlshelper.newtls("server", server_ctx)
	tlshelper.init_responsefunc(fd, session)()
	return tlshelper.readfunc(fd, session), tlshelper.writefunc(fd, session),
		tlshelper.closefunc(session)
end

-- Says what it got: the method, the path, the body and a field of the trailer.
local function page(path, method, header, body)
	if path == "/chunks" then
		local n = 0
		return function()
			n = n + 1
			return n <= 100 and ("chunk %d;"):format(n) or nil
		end
	end
	return ("%s %s %d %s"):format(method, path, #body, header.t or body:sub(1, 20))
end

local function serve(fd, tls)
	local ok, read, write, close = pcall(interface_of, fd, tls)
	if not ok then
		ended = read
		return
	end
	while true do
		local code, path, method, header, body = httpd.read_request(read, 100000)
		if code ~= 200 then
			ended = code or path
			if code then
				httpd.write_response(write, code, "", { connection = "close" })
			end
			break
		end
		httpd.write_response(write, code, page(path, method, header, body))
	end
	close()
end

local function listen(tls)
	local id, _, port = socket.listen("127.0.0.1", 0)
	connections = 0
	socket.start(id, function(fd)
		connections = connections + 1
		ended = nil
		socket.start(fd)
		serve(fd, tls)
		socket.close(fd)
		ended = ended or "closed"
	end)
	return setmetatable({}, { __close = function() socket.close(id) end }), port
end

-- ---- a client by hand ----

local function dial(port, tls)
	local fd = socket.open("127.0.0.1", port)
	if not tls then
		return {
			write = sockethelper.writefunc(fd), read = sockethelper.readfunc(fd),
			readall = function() return socket.readall(fd) or "" end,
			close = function() socket.close(fd) end, fd = fd,
		}
	end
	local session = tlshelper.newtls("client", client_ctx, "localhost")
	tlshelper.init_requestfunc(fd, session)()
	return {
		write = tlshelper.writefunc(fd, session), read = tlshelper.readfunc(fd, session),
		readall = tlshelper.readallfunc(fd, session), session = session, fd = fd,
		close = function()
			tlshelper.closefunc(session)()
			socket.close(fd)
		end,
	}
end

local function wait_for_end()
	tap.until_true("the server ended the connection", function() return ended end)
	return ended
end

-- The answers in these bytes: status and body of each.
local function answers(text)
	local out, at = {}, 1
	while at <= #text do
		local status, length, from = text:match(
			"^HTTP/1.1 (%d+).-content%-length: (%d+)\r\n\r\n()", at)
		out[#out + 1] = status .. " " .. text:sub(from, from + length - 1)
		at = from + length
	end
	return table.concat(out, "|")
end

-- ---- the cases, which run for both ----

local function keep_alive(port, protocol)
	httpc.keepalive = 2
	local host = ("%s://localhost:%d"):format(protocol, port)
	for i = 1, 20 do
		local status, body = httpc.get(host, "/" .. i)
		equal(status, 200)
		equal(body, ("GET /%d 0 "):format(i))
	end
	local status, body = httpc.request("PUT", host, "/put", nil, nil, ("b"):rep(70000))
	equal(status .. body, "200PUT /put 70000 " .. ("b"):rep(20))
	equal(connections, 1)
	httpc.keepalive = 0
	equal(httpc.get(host, "/"), 200)
end

local function chunks(port, protocol)
	local host = ("%s://localhost:%d"):format(protocol, port)
	local wanted = {}
	for i = 1, 100 do
		wanted[i] = ("chunk %d;"):format(i)
	end
	wanted = table.concat(wanted)
	equal(select(2, httpc.get(host, "/chunks")), wanted)
	local parts = {}
	local stream <close> = httpc.request_stream("GET", host, "/chunks")
	for part in stream do
		parts[#parts + 1] = part
	end
	equal(table.concat(parts), wanted)
	local header = { ["Transfer-Encoding"] = "chunked" }
	local _, body = httpc.request("POST", host, "/up", nil, header,
		"3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\nT: trailer\r\n\r\n")
	equal(body, "POST /up 8 trailer")
end

local function pipelining(port, tls)
	local c = dial(port, tls)
	c.write("GET /1 HTTP/1.1\r\n\r\nPUT /2 HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc"
		.. "PUT /3 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
		.. ("GET /4 HTTP/1.1\r\n\r\n"):rep(50) .. "GET /5 HTT")
	skynet.yield()
	c.write "P/1.1\r\n\r\nbroken\r\n\r\n"
	equal(answers(c.readall()), "200 GET /1 0 |200 PUT /2 3 abc|200 PUT /3 1 x|"
		.. ("200 GET /4 0 |"):rep(50) .. "200 GET /5 0 ")
	c.close()
	assert(tostring(wait_for_end()):find "no request")
end

local function expectation(port, tls)
	local c = dial(port, tls)
	c.write "PUT /e HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
	equal(c.read(25), "HTTP/1.1 100 Continue\r\n\r\n")
	c.write "hello"
	assert(c.read():find "^HTTP/1.1 200 OK")
	c.close()
	wait_for_end()
end

local GET <const> = "GET / HTTP/1.1\r\n"
local REFUSED <const> = {
	{ "a header of 8 KiB", GET .. "A: " .. ("x"):rep(8192) .. "\r\n\r\n", 413 },
	{ "a header without an end", GET .. ("A: b\r\n"):rep(2000), 413 },
	{ "257 fields", GET .. ("A:b\r\n"):rep(257) .. "\r\n", 400 },
	{ "a long line", ("x"):rep(9000), 413 },
	{ "a body over the limit", GET .. "Content-Length: 100001\r\n\r\n", 413 },
	{ "chunks over the limit", GET .. "Transfer-Encoding: chunked\r\n\r\n186a1\r\n"
		.. ("x"):rep(100001), 413 },
	{ "many small chunks over the limit", GET .. "Transfer-Encoding: chunked\r\n\r\n"
		.. ("a\r\n0123456789\r\n"):rep(10001), 413 },
	{ "a chunk with a long extension", GET .. "Transfer-Encoding: chunked\r\n\r\n1;"
		.. ("x"):rep(300) .. "\r\n", 413 },
	{ "both framings", GET .. "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
}

local function limits(port, tls)
	for _, case in ipairs(REFUSED) do
		local c = dial(port, tls)
		pcall(c.write, case[2])
		local got = wait_for_end()
		if got ~= case[3] then
			error(("%s: %s"):format(case[1], tostring(got)))
		end
		c.close()
	end
	-- 256 fields and what a server takes just so.
	local c = dial(port, tls)
	c.write(GET .. ("A:b\r\n"):rep(256) .. "\r\n" .. GET .. "Content-Length: 100000\r\n\r\n"
		.. ("y"):rep(100000))
	assert(c.read():find "^HTTP/1.1 200")
	c.close()
end

-- Sends on and on in small pieces until the server has enough of it.
local function slowly(c, first, piece)
	local start = skynet.now()
	c.write(first)
	while not ended and skynet.now() - start < 500 do
		if not pcall(c.write, piece) then
			break
		end
		skynet.sleep(2)
	end
	return skynet.now() - start
end

local function slow(port, tls)
	httpd.timeout = 20
	for name, pieces in pairs {
		["a header"] = { "GET / HT", "T" }, ["fields"] = { GET, "A: b\r\n" },
		["empty lines"] = { "\r\n", "\r\n" },
		["a body"] = { GET .. "Content-Length: 200\r\n\r\n", "x" },
		["chunks"] = { GET .. "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n" },
		["a trailer"] = { GET .. "Transfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n" },
	} do
		local c = dial(port, tls)
		local spent = slowly(c, pieces[1], pieces[2])
		equal(wait_for_end(), sockethelper.socket_error)
		if spent < 15 or spent > 200 then
			error(("%s: cut off after %d cs"):format(name, spent))
		end
		c.close()
	end
	-- Each request has its time anew; silence between two of them ends, too.
	for _, count in ipairs { 1, 2, 6 } do
		local c = dial(port, tls)
		local start = skynet.now()
		for _ = 1, count do
			c.write(GET .. "\r\n")
			assert(c.read():find "^HTTP/1.1 200")
			skynet.sleep(8)
		end
		equal(wait_for_end(), sockethelper.socket_error)
		local spent = skynet.now() - start
		assert(spent >= 8 * (count - 1) + 18 and spent < 250, spent)
		c.close()
	end
	httpd.timeout = 6000
end

local function answer_that_never_ends(tls)
	local id, _, port = socket.listen("127.0.0.1", 0)
	socket.start(id, function(fd)
		socket.start(fd)
		local ok, read, write = pcall(interface_of, fd, tls)
		if ok then
			pcall(function()
				read()
				write "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
				for _ = 1, 500 do
					write "x"
					skynet.sleep(2)
				end
			end)
		end
		socket.close(fd)
	end)
	httpc.timeout = 30
	local start = skynet.now()
	local host = ("%s://localhost:%d"):format(tls and "https" or "http", port)
	local ok, why = pcall(httpc.get, host, "/")
	httpc.timeout = nil
	socket.close(id)
	equal(ok, false)
	equal(why, sockethelper.socket_error)
	assert(skynet.now() - start < 200)
end

-- Bytes behind an answer, or before the next request, are no answer to that.
local function unasked(tls)
	local asked, sent = 0, 0
	local id, _, port = socket.listen("127.0.0.1", 0)
	socket.start(id, function(fd)
		socket.start(fd)
		driver.nodelay(fd) -- or what nobody asked for waits for an acknowledgement
		local ok, read, write = pcall(interface_of, fd, tls)
		while ok do
			local code = httpd.read_request(read)
			if not code then
				break
			end
			asked = asked + 1
			write "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
			skynet.sleep(1)
			pcall(write, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
			sent = sent + 1
		end
		socket.close(fd)
	end)
	httpc.keepalive = 1
	local host = ("%s://localhost:%d"):format(tls and "https" or "http", port)
	for i = 1, 5 do
		local _, body = httpc.get(host, "/")
		equal(body, "good")
		tap.until_true("it is on the way", function() return sent == i end)
		skynet.sleep(5)
	end
	httpc.keepalive = 0
	equal(asked, 5)
	socket.close(id)
end

local function both(name, run)
	return {
		{ name, function()
			local closer <close>, port = listen(false)
			run(port, false)
		end },
		{ name .. ", over TLS", function()
			local closer <close>, port = listen(true)
			run(port, true)
		end },
	}
end

local tests = {
	{ "a certificate for the test", function()
		local f <close> = assert(io.popen "mktemp -d")
		dir = f:read "l"
		assert(sh("cd %s && openssl req -x509 -newkey ec -nodes -days 2 "
			.. "-subj /CN=localhost -pkeyopt ec_paramgen_curve:prime256v1 "
			.. "-addext subjectAltName=DNS:localhost "
			.. "-keyout key.pem -out cert.pem 2>/dev/null", dir))
		server_ctx = tlshelper.newctx()
		server_ctx:set_cert(dir .. "/cert.pem", dir .. "/key.pem")
		server_ctx:set_alpn { "http/1.1" }
		client_ctx = tlshelper.newctx()
		skynet.setenv("tls_ca_file", dir .. "/cert.pem")
	end },
}

local function protocol_of(run)
	return function(port, tls)
		run(port, tls and "https" or "http")
	end
end

for _, pair in ipairs {
	both("many requests, one connection", protocol_of(keep_alive)),
	both("chunks both ways", protocol_of(chunks)),
	both("requests that come before the answer", pipelining),
	both("a client that asks whether it may send its body", expectation),
	both("limits of header and body", limits),
	both("who is slow is cut off", slow),
	both("an answer that never ends", function(_, tls) answer_that_never_ends(tls) end),
	both("bytes that nobody asked for", function(_, tls) unasked(tls) end),
} do
	tests[#tests + 1] = pair[1]
	tests[#tests + 1] = pair[2]
end

tests[#tests + 1] = { "a handshake that is slow, and a record that never ends", function()
	local closer <close>, port = listen(true)
	local before = tlshelper.handshake_timeout
	tlshelper.handshake_timeout = 20
	local fd = socket.open("127.0.0.1", port)
	local start = skynet.now()
	socket.write(fd, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
	while not ended and skynet.now() - start < 500 do
		socket.write(fd, "x")
		skynet.sleep(2)
	end
	equal(wait_for_end(), sockethelper.socket_error)
	assert(skynet.now() - start < 200)
	socket.close(fd)
	tlshelper.handshake_timeout = before
	httpd.timeout = 20
	local c = dial(port, true)
	start = skynet.now()
	socket.write(c.fd, "\x17\x03\x03\x40\x00")
	while not ended and skynet.now() - start < 500 do
		socket.write(c.fd, "x")
		skynet.sleep(2)
	end
	httpd.timeout = 6000
	equal(wait_for_end(), sockethelper.socket_error)
	assert(skynet.now() - start < 200)
	c.close()
end }
tests[#tests + 1] = { "client and server agree on http/1.1", function()
	local closer <close>, port = listen(true)
	local session = tlshelper.newtls("client", tlshelper.clientctx(), "localhost")
	local fd = socket.open("127.0.0.1", port)
	tlshelper.init_requestfunc(fd, session)()
	equal(session:alpn(), "http/1.1")
	tlshelper.closefunc(session)()
	socket.close(fd)
end }
tests[#tests + 1] = { "what was made is removed", function()
	assert(sh("rm -r %s", dir))
end }

tap.run(tests)
