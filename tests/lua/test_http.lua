-- SPDX-License-Identifier: MIT
-- http.httpd, http.httpc, http.sockethelper, http.url, http.internal: bytes as they are on the
-- wire, what is refused, limits, connections that are used again.
local skynet = require "skynet"
local socket = require "skynet.socket"
local core = require "http.core"
local httpd = require "http.httpd"
local httpc = require "http.httpc"
local internal = require "http.internal"
local helper = require "http.sockethelper"
local url = require "http.url"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local GET <const> = "GET / HTTP/1.1\r\n"
local CHUNKED <const> = GET .. "Transfer-Encoding: chunked\r\n\r\n"
local OK <const> = "HTTP/1.1 200 OK\r\n"
local OK_CHUNKED <const> = OK .. "transfer-encoding: chunked\r\n\r\n"

-- A read function over these pieces; without one left it raises.
local function reader(...)
	local pieces, text = { ... }, ""
	return function(n)
		while n and #text < n or text == "" do
			text = text .. (table.remove(pieces, 1) or error "no more bytes")
		end
		n = n or #text
		local data = text:sub(1, n)
		text = text:sub(n + 1)
		return data
	end
end

local function parse(text, limit)
	return httpd.read_request(reader(text), limit)
end

local function in_bytes(text)
	local pieces = {}
	for i = 1, #text do
		pieces[i] = text:sub(i, i)
	end
	return httpd.read_request(reader(table.unpack(pieces)))
end

local function response(...)
	local out = {}
	local ok, why = httpd.write_response(function(s) out[#out + 1] = s end, ...)
	return ok and table.concat(out), why
end

-- A server whose connections are handed to `serve`; returns "host:port" and what closes it.
local function server(serve)
	local id, host, port = socket.listen("127.0.0.1", 0)
	socket.start(id, function(fd)
		socket.start(fd)
		serve(fd)
		socket.close(fd)
	end)
	return ("%s:%d"):format(host, port),
		setmetatable({}, { __close = function() socket.close(id) end })
end

-- A server that reads a request's header and answers these bytes, and ends; and what it has read.
local function scripted(answer)
	local seen = {}
	local host, closer = server(function(fd)
		seen[#seen + 1] = socket.readline(fd, "\r\n\r\n")
		for i = 1, #answer do
			socket.write(fd, answer[i])
			skynet.sleep(1)
		end
	end)
	return host, closer, seen
end

local function get(answer, ...)
	local host, closer <close>, seen = scripted(type(answer) == "table" and answer
		or { answer })
	local header = {}
	local status, body = httpc.get(host, "/", header, ...)
	return status, body, header, seen[1]
end

tap.run {
	{ "who sends many requests at a time does not keep the others of the service waiting",
		function()
		local order, stop = {}, {}
		local at, listener <close> = server(function(fd)
			local read = helper.readfunc(fd)
			while true do
				local code, path = httpd.read_request(read)
				if not code then
					break
				elseif path:find "^/stop" then
					stop[path] = coroutine.running()
					skynet.wait()
				end
				order[#order + 1] = path
			end
		end)
		local function client()
			return assert(socket.open(at))
		end
		local function unread_is(n) -- the bytes that arrived at the server's ends
			tap.until_true("all bytes", function()
				local sum = 0
				for _, s in ipairs(socket.netstat()) do
					if s.type == "TCP" and s.address == skynet.self() then
						sum = sum + s.read
					end
				end
				return sum >= n
			end)
		end
		local flood, other = client(), client()
		local function get(path)
			return ("GET %s HTTP/1.1\r\nHost: x\r\n\r\n"):format(path)
		end
		socket.write(flood, get "/stop1" .. get "/flood":rep(2000))
		socket.write(other, get "/stop2" .. get "/me")
		unread_is(#get "/stop1" * 2 + #get "/flood" * 2000 + #get "/me")
		tap.until_true("both", function() return stop["/stop1"] and stop["/stop2"] end)
		skynet.wakeup(stop["/stop1"]) -- first
		skynet.wakeup(stop["/stop2"])
		tap.until_true("all requests", function() return #order == 2003 end)
		for i, path in ipairs(order) do
			assert(path ~= "/me" or i < 500, i)
		end
		socket.close(flood)
		socket.close(other)
	end },
	{ "a request: method, url, header, body", function()
		local code, path, method, header,
			body = parse("POST /a?b=1 HTTP/1.1\r\nHost: x\r\nA:1\r\na: 2\r\nA:\t3 \r\n"
				.. "Content-Length: 5\r\n\r\nhello")
		equal(code, 200)
		equal(path, "/a?b=1")
		equal(method, "POST")
		equal(header.host, "x")
		equal(table.concat(header.a, ","), "1,2,3")
		equal(body, "hello")
		code, path, method, header,
			body = in_bytes "\r\nGET / HTTP/1.0\r\nA: b\r\n\tc\r\nEmpty:\r\n\r\n"
		equal(code, 200)
		equal(header.a, "b c")
		equal(header.empty, "")
		equal(body, "")
	end },
	{ "a chunked request, its trailer, and what may not be in one", function()
		local text = "PUT / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n"
			.. "5;x=\"y\"\r\nhello\r\n1\r\n!\r\n0\r\n"
			.. "T: 1\r\nHost: evil\r\nContent-Length: 3\r\n\r\n"
		for _, read in ipairs { parse, in_bytes } do
			local code, _, _, header, body = read(text)
			equal(code, 200)
			equal(body, "hello!")
			equal(header.t, "1")
			equal(header.host, nil)
			equal(header["content-length"], nil)
		end
	end },
	{ "what is refused", function()
		for text, status in pairs {
			["GET / HTTP/2.0\r\n\r\n"] = 505,
			["GET / HTTP/0.9\r\n\r\n"] = 505,
			[GET .. "no field\r\n\r\n"] = 400,
			[GET .. "Host : x\r\n\r\n"] = 400,
			[GET .. "A: b\r\n c\r\n\r\n"] = 400,
			[GET .. "\tA: b\r\n\r\n"] = 400,
			[GET .. "A: b\nC: d\r\n\r\n"] = 400,
			[GET .. "A: b\rC: d\r\n\r\n"] = 400,
			[GET .. "A: b\0\r\n\r\n"] = 400,
			[GET .. "Host: a\r\nHost: b\r\n\r\n"] = 400,
			[GET .. "Content-Length: 1\r\nContent-Length: 1\r\n\r\nab"] = 400,
			[GET .. "Content-Length: +1\r\n\r\na"] = 400,
			[GET .. "Content-Length: 1,1\r\n\r\na"] = 400,
			[GET .. "Content-Length: 99999999999999999999\r\n\r\na"] = 400,
			[GET .. "Content-Length: 1\r\n\t2\r\n\r\na"] = 400,
			[GET .. "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0"] = 400,
			["GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"] = 400,
			[GET .. "Transfer-Encoding: gzip\r\n\r\n"] = 501,
			[GET .. "Transfer-Encoding: gzip, chunked\r\n\r\n"] = 501,
			[GET .. ("Transfer-Encoding: chunked\r\n"):rep(2) .. "\r\n"] = 501,
			[CHUNKED .. "5\nhello\r\n0\r\n\r\n"] = 413,
			[CHUNKED .. "5\r\nhello!\r\n0\r\n\r\n"] = 413,
			[CHUNKED .. "x\r\n"] = 413,
			[CHUNKED .. "-1\r\n"] = 413,
			[CHUNKED .. "1000000000000000\r\n"] = 413,
			[GET .. "A: " .. ("x"):rep(8192) .. "\r\n\r\n"] = 413,
			-- empty lines are counted, and cost no more than other bytes
			[("\r\n"):rep(4000) .. GET .. "\r\n"] = 200,
			[("\r\n"):rep(4096) .. GET .. "\r\n"] = 413,
			[("\r\n"):rep(1 << 20)] = 413,
			[GET .. "" .. ("A:b\r\n"):rep(300) .. "\r\n"] = 400,
			[GET .. "Transfer-Encoding: identity\r\n\r\n"] = 200,
		} do
			local code = parse(text)
			if code ~= status then
				error(("%q: %s in place of %d"):format(text:sub(1, 120), code,
					status))
			end
		end
		for _, line in ipairs { "GET", "GET /", "GET  / HTTP/1.1", "GET / HTTP/1.1 ",
			"G(T / HTTP/1.1", "GET / http/1.1", "GET / HTTP/11" } do
			local code, why = parse(line .. "\r\n\r\n")
			equal(code, nil)
			assert(tostring(why):find("no request", 1, true))
		end
		local code, why = parse "GET / HTTP/1.1\r\n"
		equal(code, nil)
		assert(tostring(why):find("no more bytes", 1, true))
	end },
	{ "the limit of a body", function()
		equal(parse("GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 5), 200)
		equal(parse("GET / HTTP/1.1\r\nContent-Length: 6\r\n\r\nhello!", 5), 413)
		equal(parse(CHUNKED .. "5\r\nhello\r\n0\r\n\r\n", 5), 200)
		equal(parse(CHUNKED .. "6\r\nhello!\r\n0\r\n\r\n", 5), 413)
		equal(parse "GET / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n", 413)
	end },
	{ "a response on the wire", function()
		equal(response(200, "hello"), OK .. "content-length: 5\r\n\r\nhello")
		equal(response(204), "HTTP/1.1 204 No Content\r\n\r\n")
		equal(response(299, ""), "HTTP/1.1 299 \r\ncontent-length: 0\r\n\r\n")
		equal(response(302, nil, { location = "/x" }),
			"HTTP/1.1 302 Found\r\nlocation: /x\r\n\r\n")
		equal(response(200, "", { ["set-cookie"] = { "a=1", "b=2" } }),
			OK .. "set-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 0\r\n\r\n")
		local pieces = { "hello", "", "0123456789abcdef" }
		equal(response(200, function() return table.remove(pieces, 1) end, { n = 1 }),
			OK .. "n: 1\r\ntransfer-encoding: chunked\r\n\r\n"
				.. "5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n")
		equal(#response(200, ("x"):rep(100000)),
			#(OK .. "content-length: 100000\r\n\r\n") + 100000)
		for _, header in ipairs { { a = "b\r\nc: d" }, { a = "b\nc" }, { ["a b"] = "c" },
			{ ["a\r\nb"] = "c" }, { [""] = "c" } } do
			local text, why = response(200, "x", header)
			equal(text, false)
			assert(why:find "cannot be a header field")
		end
		local text, why = response(200, 5)
		equal(text, false)
		assert(why:find "a body is a string or a function")
		local ok, err = httpd.write_response(function() error(helper.socket_error) end, 200,
			"x")
		equal(ok, false)
		equal(err, helper.socket_error)
	end },
	{ "one connection, many requests, some of them at once", function()
		local host, closer <close> = server(function(fd)
			local read, write = helper.readfunc(fd), helper.writefunc(fd)
			while true do
				local code, path, _, _, body = httpd.read_request(read)
				if not code then
					break
				end
				httpd.write_response(write, code, path .. body)
			end
		end)
		local fd = socket.open(host)
		socket.write(fd, "GET /1 HTTP/1.1\r\n\r\n"
			.. "PUT /2 HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc"
			.. "PUT /3 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
			.. "1\r\nx\r\n0\r\n\r\n"
			.. "GET /4")
		for _, body in ipairs { "/1", "/2abc", "/3x" } do
			equal(socket.readline(fd, "\r\n\r\n"),
				OK .. "content-length: " .. #body)
			equal(socket.read(fd, #body), body)
		end
		socket.write(fd, " HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
		equal(socket.readline(fd, "\r\n\r\n"), "HTTP/1.1 100 Continue")
		socket.write(fd, "ok")
		equal(socket.readline(fd, "\r\n\r\n"), OK .. "content-length: 4")
		equal(socket.read(fd, 4), "/4ok")
		socket.close(fd)
	end },
	{ "small writes do not wait for acknowledgements", function()
		local host, closer <close> = server(function(fd)
			local read, write = helper.readfunc(fd), helper.writefunc(fd)
			while httpd.read_request(read) do
				local left = 4
				httpd.write_response(write, 200, function()
					left = left - 1
					return left > 0 and "piece" or nil
				end)
			end
		end)
		httpc.keepalive = 1
		local start = skynet.now()
		for _ = 1, 100 do
			equal(select(2, httpc.get(host, "/")), "piecepiecepiece")
		end
		httpc.keepalive = 0
		assert(skynet.now() - start < 200, skynet.now() - start)
	end },
	{ "who sends a request too slowly is cut off", function()
		local code, why
		local host, closer <close> = server(function(fd)
			code, why = httpd.read_request(helper.readfunc(fd))
		end)
		httpd.timeout = 20
		local fd, start = socket.open(host), skynet.now()
		while socket.write(fd, "G") and not why do
			skynet.sleep(2)
		end
		httpd.timeout = 6000
		equal(code, nil)
		equal(why, helper.socket_error)
		assert(skynet.now() - start < 200)
		socket.close(fd)
	end },
	{ "readfunc: bytes before those of the socket", function()
		local host, closer <close> = server(function(fd) socket.write(fd, "socket") end)
		local fd = socket.open(host)
		local read = helper.readfunc(fd, "pre")
		equal(read(2), "pr")
		equal(read(0), "")
		equal(read(4), "esoc")
		equal(read(3), "ket")
		local ok, err = pcall(read, 1)
		equal(ok, false)
		equal(err, helper.socket_error)
		assert(tostring(err):find "^%[Socket Error%] : ")
		equal(tostring(err), "[Socket Error]")
		helper.close(fd)
		equal(pcall(helper.writefunc(fd), "x"), false)
	end },
	{ "connecting: refused, too late", function()
		local id, host, port = socket.listen("127.0.0.1", 0)
		socket.close(id)
		local ok, err = pcall(helper.connect, host, port)
		equal(err, helper.socket_error)
		ok, err = pcall(helper.connect, host, port, 100)
		equal(ok, false)
		equal(err, helper.socket_error)
	end },
	{ "errors of a request tell with whom, what to look at, and the program's line", function()
		local function fails(text, f)
			local ok, why = pcall(f)
			why = tostring(why)
			assert(not ok and why:find(text), why)
		end
		local here = "^[^\n]*test_http.lua:%d+: "
		local id, host, port = socket.listen("127.0.0.1", 0)
		local to, say = ("%s:%d"):format(host, port), "SSH-2.0-x\r\n\r\n"
		socket.start(id, function(fd)
			socket.start(fd)
			if say then
				socket.write(fd, say)
				socket.readline(fd, "\r\n\r\n")
				socket.close(fd)
			end
		end)
		local at = "http://" .. to:gsub("%p", "%%%0")
		fails(here .. at .. ": assertion failed! the answer begins", function()
			local _ = httpc.get(to, "/")
		end)
		fails(here .. at .. ": assertion failed! the answer begins", function()
			local _ = httpc.head(to, "/")
		end)
		fails(here .. at .. ": assertion failed! the answer begins", function()
			local _ = httpc.request_stream("GET", to, "/")
		end)
		fails(here .. at .. ": the request line cannot be", function()
			local _ = httpc.get(to, "/a b")
		end)
		fails(here .. "Invalid protocol: ftp", function()
			local _ = httpc.head("ftp://a", "/")
		end)
		fails(here .. "Invalid host: a text expected, got nil", function()
			local _ = httpc.get(nil, "/")
		end)
		fails(here .. "Invalid url: a path like / expected, got nil", function()
			local _ = httpc.get(to)
		end)
		say = ""
		fails("the connection to " .. at .. " ended before its answer", function()
			httpc.get(to, "/")
		end)
		say = nil
		httpc.timeout = 10
		fails("no answer from " .. at .. " within 0.10 s %(httpc.timeout%)", function()
			httpc.get(to, "/")
		end)
		fails("no answer from " .. at .. " within 0.10 s %(httpc.timeout%)", function()
			httpc.request_stream("GET", to, "/")
		end)
		httpc.timeout = nil
		socket.close(id)
	end },
	{ "a request of the client on the wire", function()
		local status, body, header,
			seen = get(OK .. "A: 1\r\na: 2\r\ncontent-length: 2\r\n\r\nhi!")
		equal(status, 200)
		equal(body, "hi")
		equal(header.a[2], "2")
		assert(seen:find "^GET / HTTP/1%.1\r\nhost:127%.0%.0%.1:%d+\r\nContent%-length:0$",
			seen)
		local mine = { X = "y" }
		status, body, header, seen = get(OK .. "\r\n", mine)
		assert(seen:find("X:y", 1, true) and seen:find("Host:127.0.0.1", 1, true)
			and mine.Host)
		raises("cannot be a header field", get, "", { a = "b\r\nc:d" })
		status, body, header, seen = get(OK .. "\r\n",
			{ ["Transfer-Encoding"] = "chunked" }, "0\r\n\r\n")
		assert(not seen:find "ength")
	end },
	{ "answers: chunked, to the end, without a body, behind interim ones", function()
		local function is(wanted, ...)
			local status, body = get(...)
			equal(status .. " " .. body, wanted)
		end
		is("200 hello", { OK_CHUNKED .. "2\r\nhe",
			"\r\n3\r\nllo\r\n0\r", "\n\r\n" })
		is("200 to the end", { "HTTP/1.0 200 OK\r\n\r\nto ", "the end" })
		is("204 ", "HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\n")
		is("200 x", "HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n"
			.. OK .. "content-length: 1\r\n\r\nx")
		local host, closer <close> = scripted { OK .. "content-length: 5\r\n\r\n" }
		equal(httpc.head(host, "/"), 200)
	end },
	{ "answers that are refused", function()
		raises("assertion failed!", get, "HTTP/1.1 200\r\n\r\n")
		raises("Invalid HTTP response header", get, OK .. "no field\r\n\r\n")
		raises("Recv header failed", get, OK .. "A: " .. ("x"):rep(9000))
		raises("Unsupport transfer-encoding", get,
			OK .. "transfer-encoding: gzip\r\n\r\n")
		raises("Invalid response body", get,
			OK_CHUNKED .. "zz\r\n")
		raises("Invalid response body", get,
			OK .. "content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n")
		raises("[Socket Error]", get, OK .. "content-length: 10\r\n\r\nshort")
		httpc.bodylimit = 4
		local bad = { "content-length: 5\r\n\r\nhello",
			"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "\r\nhello" }
		for i = 1, #bad do
			raises("Invalid response body", get, OK .. "" .. bad[i])
		end
		httpc.bodylimit = 256 << 20
	end },
	{ "hosts", function()
		raises("Invalid protocol: ftp", httpc.get, "ftp://x", "/")
		raises("Invalid host: bare IPv6 address", httpc.get, "::1", "/")
		raises("Invalid host", httpc.get, "a b", "/")
		local id, _, port = socket.listen("::1", 0)
		socket.start(id, function(fd)
			socket.start(fd)
			httpd.write_response(helper.writefunc(fd), 200,
				(select(4, httpd.read_request(helper.readfunc(fd)))).host)
			socket.close(fd)
		end)
		local host = ("[::1]:%d"):format(port)
		equal(select(2, httpc.get("http://" .. host, "/")), host)
		socket.close(id)
	end },
	{ "post encodes a form", function()
		local body, kind
		local host, closer <close> = server(function(fd)
			local _, _, _, header, b = httpd.read_request(helper.readfunc(fd))
			body, kind = b, header["content-type"]
			httpd.write_response(helper.writefunc(fd), 200, "")
		end)
		equal(httpc.post(host, "/", { ["a b"] = "1&2-ü" }), 200)
		equal(body, "a%20b=1%262%2D%C3%BC")
		equal(kind, "application/x-www-form-urlencoded")
	end },
	{ "the time-out of an exchange", function()
		local host, closer <close> = server(function(fd) socket.read(fd, 1 << 20) end)
		httpc.timeout = 20
		local start = skynet.now()
		local ok, err = pcall(httpc.get, host, "/")
		httpc.timeout = nil
		equal(ok, false)
		equal(err, helper.socket_error)
		assert(skynet.now() - start < 200)
	end },
	{ "keepalive: the same connection again, and another when it has ended", function()
		local connections, requests = 0, 0
		local host, closer <close> = server(function(fd)
			connections = connections + 1
			local read = helper.readfunc(fd)
			while httpd.read_request(read) do
				requests = requests + 1
				httpd.write_response(helper.writefunc(fd), 200, "x")
				if requests % 5 == 0 then
					break
				end
			end
		end)
		httpc.keepalive, httpc.idletime = 2, 20
		for _ = 1, 10 do
			equal(httpc.get(host, "/"), 200)
		end
		equal(connections, 2)
		equal(httpc.get(host, "/"), 200)
		equal(connections, 3)
		local function open()
			local n = 0
			for _, s in ipairs(socket.netstat()) do
				n = n + (s.peer == host and 1 or 0)
			end
			return n
		end
		tap.until_true("the idle connection is closed", function() return open() == 0 end)
		httpc.keepalive, httpc.idletime = 0, 1500
	end },
	{ "keepalive: a request without an answer in time is not sent a second time", function()
		local paths = {}
		local host, closer <close> = server(function(fd)
			local read, write = helper.readfunc(fd), helper.writefunc(fd)
			local code, path = httpd.read_request(read)
			while code do
				paths[#paths + 1] = path
				if path == "/cut" then
					write(OK .. "a: 1\r\ncontent-length: 5\r\n\r\ntwo")
					break
				elseif path ~= "/late" then
					httpd.write_response(write, 200, "x")
				end
				code, path = httpd.read_request(read)
			end
		end)
		httpc.keepalive = 1
		equal(httpc.get(host, "/"), 200)
		httpc.timeout = 20
		local ok, why = pcall(httpc.get, host, "/late")
		equal(ok, false)
		assert(tostring(why):find "httpc.timeout", why)
		httpc.timeout = nil
		equal(httpc.get(host, "/"), 200)
		local header = {}
		equal(pcall(httpc.get, host, "/cut", header), false)
		equal(header.a, "1")
		equal(table.concat(paths, " "), "/ /late / /cut")
		httpc.keepalive = 0
	end },
	{ "streams", function()
		local function pieces(answer)
			local host, closer <close> = scripted(answer)
			local out = {}
			local s <close> = httpc.request_stream("GET", host, "/")
			equal(s.status, 200)
			equal(s.connected, true)
			for chunk, same in s do
				equal(same, s)
				out[#out + 1] = chunk
			end
			equal(s.connected, nil)
			return table.concat(out), out[#out]
		end
		local text, last = pieces {
			OK_CHUNKED .. "2\r\nhe", "\r\n3\r\nllo\r\n0\r", "\n\r\n",
		}
		equal(text, "hello")
		equal(last, "")
		equal((pieces { OK .. "content-length: 5\r\n\r\n", "he", "llo" }),
			"hello")
		equal((pieces { OK .. "\r\n", "he", "llo" }), "hello")
		local host, closer <close> = scripted { OK .. "content-length: 50\r\n\r\n", "he" }
		local s = httpc.request_stream("GET", host, "/")
		equal(pcall(function() for _ in s do end end), false)
		equal(s.connected, false)
		s:close()
	end },
	{ "url", function()
		local path, query = url.parse "/a%20b+c?x=1&y=%41"
		equal(path, "/a b c")
		equal(query, "x=1&y=%41")
		equal(select(2, url.parse "/"), "")
		local q = url.parse_query "a=1&b=x+y%21&a=2&a=3&last"
		equal(table.concat(q.a, ","), "1,2,3")
		equal(q.b, "x y!")
		equal(q.last, nil)
		equal(url.parse_query "x&y=1"["x&y"], "1")
	end },
	{ "internal", function()
		local lines = {}
		equal(internal.recvheader(reader("A: 1\r\nB", ": 2\r\n\r\nrest"), lines), "rest")
		equal(table.concat(lines, "|"), "A: 1|B: 2")
		local header = internal.parseheader(lines, 2, {})
		equal(header.a, nil)
		equal(header.b, "2")
		equal(internal.parseheader({ "bad" }, 1, {}), nil)
		equal(internal.recvheader(reader(("x"):rep(8193)), {}), nil)
		equal(internal.recvheader(error, {}, "\r\nrest"), "rest")
		equal(internal.recvchunkedbody(reader "hello\r\n0\r\n\r\n", nil, {}, "5\r\n"),
			"hello")
	end },
	{ "random bytes never raise out of the parser", function()
		local parts = { "GET ", "/", " HTTP/1.1", "\r\n", "\r\n\r\n", "Host", ":", " ",
			"\t", "content-length: 3", "transfer-encoding: chunked", "5", "0", "\0",
			"\r", "\n", "abc", ";" }
		local seed = math.random(0, 1 << 30)
		math.randomseed(seed)
		for _ = 1, 3000 do
			local text = {}
			for i = 1, math.random(20) do
				text[i] = parts[math.random(#parts)]
			end
			local code = parse(table.concat(text))
			assert(code == nil or code == 200 or code == 400 or code == 413
				or code == 501 or code == 505, seed)
			core.response(table.concat(text), {})
		end
	end },
}
