-- SPDX-License-Identifier: MIT
--
-- http.internal: what http.httpd and http.httpc share. `read` is a function as
-- http.sockethelper.readfunc makes it; an interface is a table of read, write and readall.
local core = require "http.core"

local internal = {}

local HEAD_MAX <const> = 8192
local INTERIM_MAX <const> = 8 -- answers of the kind "wait" before one answer

-- What may not come behind a body, for it was due before it.
local NOT_IN_TRAILER <const> = {
	["authorization"] = true, ["connection"] = true, ["content-encoding"] = true,
		["content-length"] = true,
	["content-range"] = true, ["content-type"] = true, ["cookie"] = true, ["host"] = true,
	["set-cookie"] = true, ["te"] = true, ["trailer"] = true, ["transfer-encoding"] = true,
		["upgrade"] = true,
}

local CR <const> = 13

-- How many bytes of empty lines a text begins with; they are not counted beyond the limit.
local function empty_lines(text)
	local n = 0
	while n < HEAD_MAX and text:find("^\r\n", n + 1) do
		n = n + 2
	end
	return n
end

-- readhead(read, pre, skip) -> a text, how many bytes of it are the lines before an empty one, and
-- the bytes behind that; nil: they are too long. skip: empty lines before the first are none, but
-- they count.
local function read_head(read, pre, skip)
	local text, from, skipped = pre or "", 1, 0
	while true do
		if skip and text:byte() == CR then
			local n = empty_lines(text)
			skipped, text = skipped + n, text:sub(n + 1)
			if skipped >= HEAD_MAX then
				return nil
			end
		end
		if text:byte() == CR and text:sub(1, 2) == "\r\n" then
			return text, 0, text:sub(3)
		end
		local at = text:find("\r\n\r\n", from, true)
		if skipped + (at or #text) + 3 > HEAD_MAX then
			return nil
		elseif at then
			return text, at - 1, at + 3 < #text and text:sub(at + 4) or ""
		end
		from = math.max(1, #text - 2)
		text = text .. read()
	end
end
internal.readhead = read_head

-- recvheader(read, lines, pre): adds the lines up to an empty one; returns the bytes behind that,
-- or nil: more than 8 KiB.
function internal.recvheader(read, lines, pre)
	local text, size, rest = read_head(read, pre)
	if not text then
		return nil
	end
	if size > 0 then
		for line in (text:sub(1, size) .. "\r\n"):gmatch "(.-)\r\n" do
			lines[#lines + 1] = line
		end
	end
	return rest
end

-- parseheader(lines, from, header) -> header, or nil: a line is no field.
function internal.parseheader(lines, from, header)
	return core.fields(table.concat(lines, "\r\n", from), header) and header or nil
end

-- framing(header, version) -> "chunked", the length, or nil: neither; false and a status when it is
-- wrong. What two programs could understand in two ways is wrong.
function internal.framing(header, version)
	local encoding, length = header["transfer-encoding"], header["content-length"]
	if encoding then
		encoding = type(encoding) == "string" and encoding:lower() or "repeated"
		if length or version == 10 then
			return false, 400
		elseif encoding == "chunked" then
			return "chunked"
		elseif encoding ~= "identity" then
			return false, 501
		end
	end
	if not length then
		return nil
	elseif type(length) ~= "string" or #length > 15 or not length:find "^%d+$" then
		return false, 400
	end
	return math.tointeger(tonumber(length))
end

local function read_trailer(read, header, pre)
	local text, size, rest = read_head(read, pre)
	local trailer = {}
	if not text or not core.fields(text:sub(1, size), trailer) then
		return nil
	end
	for name, value in pairs(trailer) do
		if not NOT_IN_TRAILER[name] then
			header[name] = header[name] or value
		end
	end
	return rest
end

-- recvchunkedbody(read, limit, header, pre [, progress]) -> body, header, the bytes behind it; nil:
-- the chunks are wrong, or longer than the limit. What comes behind them is added to the header.
function internal.recvchunkedbody(read, limit, header, pre, progress)
	local decoder, parts, size = core.chunks(), {}, 0
	local bytes = pre or ""
	while true do
		local data, event, rest = decoder:feed(bytes)
		size = size + #data
		if event == "bad" or (limit and size > limit) then
			return nil
		end
		parts[#parts + 1] = data ~= "" and data or nil
		if event == "end" then
			rest = read_trailer(read, header, rest)
			return rest and table.concat(parts), header, rest
		end
		if progress then
			progress(#data)
		end
		bytes = read()
	end
end

-- lengthbody(read, n, pre) -> n bytes, the bytes behind them
function internal.lengthbody(read, n, pre)
	pre = pre or ""
	if #pre >= n then
		return pre:sub(1, n), pre:sub(n + 1)
	elseif pre == "" then
		return read(n), ""
	end
	return pre .. read(n - #pre), ""
end

-- ---- requests of a client ----

-- The fields of a table that says itself what they are.
local function plain(header)
	local fields = {}
	for name, value in pairs(header) do
		fields[name] = value
	end
	return fields
end

-- head(line, header, separator, where, more [, body]) -> the bytes of a message up to its body, or
-- with it; raises on what is no field. header may be nil. more: the bytes behind the fields, or a
-- content-length.
function internal.head(line, header, separator, where, more, body)
	if header and getmetatable(header) then
		header = plain(header)
	end
	local text, name, value = core.head(line, header, separator, more, body)
	if not text then
		error(("%s: %q cannot be a header field: %q"):format(where, name, value), 0)
	end
	return text
end

-- The value of a field that the caller wrote in whatever case.
local function find_field(header, wanted)
	for name, value in pairs(header) do
		if tostring(name):lower() == wanted then
			return tostring(value)
		end
	end
end

-- Whether the caller frames the content of a request himself.
local function is_chunked(header)
	return header and (find_field(header, "transfer-encoding") or ""):lower() == "chunked"
end

local function request_text(method, host, url, header, content)
	if not (method:find "^[%w!#$%%&'*+.^_`|~-]+$" and url:find "^[^%c ]+$") then
		error(("the request line cannot be %q"):format(method .. " " .. url), 0)
	end
	if header and not find_field(header, "host") then
		header.Host = host
	end
	local more = "\r\n"
	if not is_chunked(header) then
		more = ("Content-length:%d\r\n\r\n"):format(content and #content or 0)
	end
	local line = method .. " " .. url .. " HTTP/1.1\r\n"
	return internal.head(line, header or { host = host }, ":", "request", more, content)
end

local function is_interim(text)
	return text:find "^HTTP/1%.%d 1%d%d" and not text:find "^HTTP/1%.%d 101"
end

local function read_answer(read)
	local rest
	for _ = 0, INTERIM_MAX do
		local text, size
		text, size, rest = read_head(read, rest)
		if not text then
			error "Recv header failed"
		elseif not is_interim(text) then
			return text, size, rest
		end
	end
	error "Invalid HTTP response header"
end

-- request(interface, method, host, url, recvheader, header, content) -> code, bytes behind the
-- header, header, version
function internal.request(interface, method, host, url, recvheader, header, content)
	interface.write(request_text(method, host, url, header, content))
	local text, size, rest = read_answer(interface.read)
	local code, _, version, right, answer = core.response(text, recvheader, size)
	if not code then
		local line = text:sub(1, size):match "^[^\r]*"
		error(("assertion failed! the answer begins with %q"):format(line:sub(1, 64)))
	elseif not right then
		error "Invalid HTTP response header"
	end
	return code, rest, answer, version
end

local function has_no_body(code)
	return code < 200 or code == 204 or code == 304
end

-- "chunked", a length, or nil: until the end of the connection.
local function answer_framing(code, header)
	if has_no_body(code) then
		return 0
	end
	local framing, status = internal.framing(header)
	if framing == false then
		error(status == 501 and "Unsupport transfer-encoding" or "Invalid response body", 2)
	end
	return framing
end

-- response(interface, code, rest, header [, limit]) -> body, and the bytes behind it unless it
-- ended with the connection
function internal.response(interface, code, rest, header, limit)
	local framing = answer_framing(code, header)
	local function check(size)
		if limit and size > limit then
			local text = "Invalid response body: %d bytes are more than the limit of %d"
			error(text:format(size, limit), 3)
		end
	end
	if framing == "chunked" then
		local body, _, behind = internal.recvchunkedbody(interface.read, limit, header,
			rest)
		return body or error "Invalid response body", behind
	elseif framing then
		check(framing)
		return internal.lengthbody(interface.read, framing, rest)
	end
	local body = rest .. (interface.readall() or "")
	check(#body)
	return body
end

-- ---- streams ----

local stream = {}
stream.__index = stream

local function finish(self)
	if self.connected then
		self.connected = nil
	end
	local onclose = self.onclose
	self.onclose = nil
	if onclose then
		onclose()
	end
end

function stream:close()
	finish(self)
end

-- The next piece of the body; nil at its end.
function stream:__call()
	if not self.connected then
		return nil
	end
	local ok, data = pcall(self.reading, self)
	if not ok then
		self.connected = false
		finish(self)
		error(data, 0)
	elseif data then
		return data, self
	end
	finish(self)
	return nil
end

stream.__close = stream.close

local function nothing()
	return nil
end

-- One empty piece, and then none.
local function stream_empty(self)
	self.reading = nothing
	return ""
end

local function stream_chunked(self)
	local bytes = self.rest
	if bytes == nil then
		bytes = self.interface.read()
	end
	self.rest = nil
	while true do
		local data, event, rest = self.decoder:feed(bytes)
		if event == "bad" then
			error "Invalid response body"
		elseif event == "end" then
			if not read_trailer(self.interface.read, self.header, rest) then
				error "Invalid response body"
			end
			self.reading = data ~= "" and stream_empty or nothing
			return data
		elseif data ~= "" then
			return data
		end
		bytes = self.interface.read()
	end
end

local function stream_length(self)
	if self.left == 0 then
		return nil
	end
	local data = self.rest
	self.rest = nil
	if not data or data == "" then
		data = self.interface.read()
	end
	data = data:sub(1, self.left)
	self.left = self.left - #data
	return data
end

local function stream_end(self)
	local data = self.rest
	self.rest = nil
	if data and data ~= "" then
		return data
	end
	local ok
	ok, data = pcall(self.interface.read)
	return ok and data or nil
end

-- response_stream(interface, code, rest, header [, empty]) -> an object that is called for the
-- pieces of the body. empty: it has none, whatever the header says.
function internal.response_stream(interface, code, rest, header, empty)
	local framing = not empty and answer_framing(code, header) or empty and 0 or nil
	local self = { interface = interface, status = code, header = header, rest = rest,
		connected = true }
	if framing == "chunked" then
		self.decoder, self.reading = core.chunks(), stream_chunked
	elseif framing and (empty or has_no_body(code)) then
		self.reading = stream_empty
	elseif framing then
		self.left, self.reading = framing, stream_length
	else
		self.reading = stream_end
	end
	return setmetatable(self, stream)
end

return internal
