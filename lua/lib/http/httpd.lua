-- SPDX-License-Identifier: MIT
--
-- http.httpd: the server's end of a connection. A request is read with a function of
-- http.sockethelper; read_request called again with the same function reads the next one of the
-- connection, also if its bytes came with the one before.
local internal = require "http.internal"
local core = require "http.core"
local channels = require "http.channels"

local httpd = {
	-- cs for a request, and for its body at 1,000 bytes a second; false: no end
	timeout = 6000,
	bodylimit = 64 << 20,  -- bytes of a body where read_request is called without a limit
}

local JOIN_MAX <const> = 64 << 10 -- a body up to this is written together with its header

local REASONS <const> = {
	[100] = "Continue", [101] = "Switching Protocols",
	[200] = "OK", [201] = "Created", [202] = "Accepted",
		[203] = "Non-Authoritative Information",
	[204] = "No Content", [205] = "Reset Content", [206] = "Partial Content",
	[300] = "Multiple Choices", [301] = "Moved Permanently", [302] = "Found",
		[303] = "See Other",
	[304] = "Not Modified", [305] = "Use Proxy", [307] = "Temporary Redirect",
		[308] = "Permanent Redirect",
	[400] = "Bad Request", [401] = "Unauthorized", [402] = "Payment Required",
		[403] = "Forbidden",
	[404] = "Not Found", [405] = "Method Not Allowed", [406] = "Not Acceptable",
	[407] = "Proxy Authentication Required", [408] = "Request Timeout", [409] = "Conflict",
		[410] = "Gone",
	[411] = "Length Required", [412] = "Precondition Failed",
		[413] = "Request Entity Too Large",
	[414] = "Request-URI Too Long", [415] = "Unsupported Media Type",
		[416] = "Range Not Satisfiable",
	[417] = "Expectation Failed", [422] = "Unprocessable Content", [426] = "Upgrade Required",
	[428] = "Precondition Required", [429] = "Too Many Requests",
		[431] = "Request Header Fields Too Large",
	[500] = "Internal Server Error", [501] = "Not Implemented", [502] = "Bad Gateway",
	[503] = "Service Unavailable", [504] = "Gateway Timeout",
		[505] = "HTTP Version Not Supported",
}

-- ---- reading ----

-- A client that asks whether it may send its body waits for this.
local function answer_expectation(read, header, have)
	local expect = header.expect
	if type(expect) == "string" and expect:lower() == "100-continue" and not have then
		channels.write(read, "HTTP/1.1 100 Continue\r\n\r\n")
	end
end

local function read_body(read, limit, header, framing, rest, guard)
	if framing == "chunked" then
		answer_expectation(read, header, rest ~= "")
		local body, _, behind = internal.recvchunkedbody(read, limit, header, rest,
			function(n)
			guard:allow(n)
		end)
		return body, behind
	elseif not framing then
		return "", rest
	elseif framing > limit then
		return nil
	end
	answer_expectation(read, header, #rest >= framing)
	guard:allow(framing)
	return internal.lengthbody(read, framing, rest)
end

-- The status; with 200 the method, url, header and body.
local function read_request(read, limit, guard)
	local text, size, rest = internal.readhead(read, channels.rest(read) or read(), true)
	if not text then
		return 413
	end
	local method, url, version, right, header = core.request(text, nil, size)
	if not method then
		error(("no request: %q"):format(text:match "^[^\r]*":sub(1, 64)), 0)
	elseif version < 10 or version > 11 then
		return 505
	elseif not right or type(header.host) == "table" then
		return 400
	end
	local framing, status = internal.framing(header, version)
	if framing == false then
		return status
	end
	local body, behind = read_body(read, limit, header, framing, rest, guard)
	if not body then
		return 413
	end
	channels.unread(read, behind)
	return 200, url, method, header, body
end

local function finish(guard, ok, code, ...)
	guard:done(code ~= 200)
	if ok then
		return code, ...
	end
	return nil, code
end

function httpd.read_request(readbytes, bodylimit)
	local guard = channels.guard(readbytes, httpd.timeout)
	return finish(guard, pcall(read_request, readbytes, bodylimit or httpd.bodylimit, guard))
end

-- ---- writing ----

local LINES <const> = {} -- status -> the first line of an answer
for status, reason in pairs(REASONS) do
	LINES[status] = ("HTTP/1.1 %03d %s\r\n"):format(status, reason)
end

-- more: what stands behind the fields, or the size of the body.
local function head_of(status, header, more, body)
	local line = LINES[status] or ("HTTP/1.1 %03d \r\n"):format(status)
	return internal.head(line, header, ": ", "write_response", more, body)
end

local function write_pieces(write, status, header, pull)
	write(head_of(status, header, "transfer-encoding: chunked\r\n"))
	for piece in pull do
		if piece ~= "" then
			write(("\r\n%x\r\n"):format(#piece) .. piece)
		end
	end
	write "\r\n0\r\n\r\n"
end

local function write_response(write, status, body, header)
	if body == nil then
		write(head_of(status, header, "\r\n"))
	elseif type(body) == "function" then
		write_pieces(write, status, header, body)
	elseif type(body) == "string" then
		if #body <= JOIN_MAX then
			write(head_of(status, header, #body, body))
		else
			write(head_of(status, header, #body))
			write(body)
		end
	else
		error(("a body is a string or a function, not a %s"):format(type(body)), 0)
	end
end

function httpd.write_response(...)
	local ok, why = pcall(write_response, ...)
	if not ok then
		return false, why
	end
	return true
end

return httpd
