-- SPDX-License-Identifier: MIT
--
-- http.httpc: requests to other servers, a connection each; with `keepalive` a connection that is
-- idle is used again.
local skynet = require "skynet"
local internal = require "http.internal"
local channels = require "http.channels"
local sockethelper = require "http.sockethelper"
local socket = require "skynet.socket"

local httpc = {
	timeout = nil,         -- cs to connect, and as many for the exchange; nil: no end
	bodylimit = 256 << 20, -- bytes of an answer
	keepalive = 0,         -- idle connections that are kept for a host
	idletime = 1500,       -- cs that one is kept
}

local SWEEP <const> = 100 -- cs

local PORTS <const> = { http = 80, https = 443 }
-- What may be sent again when an idle connection turns out to be closed.
local REPEATABLE <const> = { GET = true, HEAD = true, PUT = true, DELETE = true, OPTIONS = true }

-- ---- names ----

local function split_protocol(host, level)
	if type(host) ~= "string" then
		error(("Invalid host: a text expected, got %s"):format(type(host)), level + 1)
	end
	local protocol, rest = host:match "^(%a[%w+.-]*)://(.*)$"
	if not protocol then
		return "http", host
	end
	protocol = protocol:lower()
	if not PORTS[protocol] then
		error(("Invalid protocol: %s"):format(protocol), level + 1)
	end
	return protocol, rest
end

-- The name or address in "name[:port]" or "[v6][:port]", and the port or nil.
local function split_port(host, level)
	local name, port = host:match "^%[([%x:.]+)%]:?(%d*)$"
	if not name then
		if host:find ":.*:" then
			local text = "Invalid host: bare IPv6 address %s, write it in brackets"
			error(text:format(host), level + 1)
		end
		name, port = host:match "^([^:/%s]+):?(%d*)$"
	end
	if not name then
		error(("Invalid host: %s"):format(host), level + 1)
	end
	return name, tonumber(port)
end

local function is_address(name)
	return name:find(":", 1, true) or name:find "^%d+%.%d+%.%d+%.%d+$"
end

local resolver -- skynet.dns, once httpc.dns was called

function httpc.dns(server, port)
	resolver = require "skynet.dns"
	resolver.server(server, port)
end

local function address_of(name)
	if resolver and not is_address(name) then
		local ok, ip, why = pcall(resolver.resolve, name)
		if not ok then
			error(ip, 0)
		end
		return ip or error(("Invalid host: %s (%s)"):format(name, why), 0)
	end
	return name
end

-- Where a request goes: protocol, host with its port, name, port or nil, and how errors call it.
local function target(where, url, level)
	local protocol, host = split_protocol(where, level + 1)
	local name, port = split_port(host, level + 1)
	if type(url) ~= "string" then
		error(("Invalid url: a path like / expected, got %s"):format(type(url)), level + 1)
	end
	return protocol, host, name, port, protocol .. "://" .. host
end

-- ---- errors ----

-- Raises what ended an exchange: with whom it was, and the place of the program that asked. late:
-- httpc.timeout was over.
local function fail(why, key, late, level)
	if why == sockethelper.socket_error then
		if late then
			sockethelper.fail("no answer from %s within %.2f s (httpc.timeout)", key,
				httpc.timeout / 100)
		end
		sockethelper.fail("the connection to %s ended before its answer was complete", key)
	elseif type(why) == "string" then
		error(key .. ": " .. why:gsub("^[^\n:]*http/%a+%.lua:%d+: ", ""), level + 1)
	end
	error(why, 0)
end

-- ---- connections ----

-- Makes the functions of a TLS connection; what is left is its handshake.
local function tls_interface(fd, name)
	local tls = require "http.tlshelper"
	local session = tls.newtls("client", tls.clientctx(), name)
	return {
		init = tls.init_requestfunc(fd, session),
		close = tls.closefunc(session),
		read = tls.readfunc(fd, session),
		write = tls.writefunc(fd, session),
	}
end

-- What is read until the end, within the limit.
local function readall_of(read)
	return function()
		local parts, size = {}, 0
		while true do
			local ok, data = pcall(read)
			if not ok and data ~= sockethelper.socket_error then
				error(data, 0)
			elseif not ok or data == "" then
				return table.concat(parts)
			end
			size = size + #data
			if size > httpc.bodylimit then
				local text = "Invalid response body: over httpc.bodylimit, %d bytes"
				error(text:format(httpc.bodylimit), 0)
			end
			parts[#parts + 1] = data
		end
	end
end

local function open(protocol, name, port)
	local fd = sockethelper.connect(address_of(name), port or PORTS[protocol], httpc.timeout)
	local interface
	if protocol == "https" then
		local ok, made = pcall(tls_interface, fd, name)
		if not ok then
			socket.close(fd)
			error(made, 0)
		end
		interface = made
	else
		local read = sockethelper.readfunc(fd)
		interface = { read = read, write = sockethelper.writefunc(fd) }
	end
	interface.readall = readall_of(interface.read)
	interface.fd = fd
	return interface
end

-- A connection. Raises why there is none.
local function connect(protocol, name, port, level)
	local ok, interface = pcall(open, protocol, name, port)
	if not ok then
		error(interface, type(interface) == "string" and level + 1 or 0)
	end
	return interface
end

local function disconnect(interface)
	if interface.close then
		interface.close()
	end
	socket.close(interface.fd)
end

-- ---- idle connections ----

local idle, sweeping = {}, false -- key -> array of interfaces, the oldest first

local function sweep()
	local now = skynet.now()
	for key, list in pairs(idle) do
		while list[1] and (now - list[1].since >= httpc.idletime
			or socket.disconnected(list[1].fd)) do
			skynet.fork(disconnect, table.remove(list, 1))
		end
		idle[key] = list[1] and list
	end
	sweeping = next(idle) ~= nil
	if sweeping then
		skynet.timeout(SWEEP, sweep)
	end
end

local function take_idle(key)
	local list = idle[key]
	while list and list[1] do
		local interface = table.remove(list)
		-- Bytes that nobody asked for are no answer to what is asked next.
		if socket.disconnected(interface.fd) == false
			and channels.pending(interface.read) == 0 then
			return interface
		end
		skynet.fork(disconnect, interface)
	end
end

local function keep(key, interface)
	local list = idle[key] or {}
	idle[key] = list
	if #list >= httpc.keepalive then
		return disconnect(interface)
	end
	interface.since, interface.answered = skynet.now(), nil
	list[#list + 1] = interface
	if not sweeping then
		sweeping = true
		skynet.timeout(SWEEP, sweep)
	end
end

-- Whether a connection can be used after this answer.
local function lasts(header, version, behind)
	local connection = header.connection
	return httpc.keepalive > 0 and behind == "" and version == 11 and
		not (connection and tostring(connection):lower():find("close", 1, true))
end

-- ---- requests ----

-- Ends the socket when the exchange takes too long. Returns what stops that, which returns whether
-- it has happened.
local function watch(fd)
	if not httpc.timeout then
		return function() return false end
	end
	local late = false
	local timer = skynet.timer(httpc.timeout, function()
		late = true
		socket.shutdown(fd)
	end)
	return function()
		timer:cancel()
		return late
	end
end

local function exchange(interface, method, host, url, recvheader, header, content)
	if interface.init then
		interface.init()
		interface.init = nil
	end
	local code, rest, answer, version = internal.request(interface, method, host, url,
		recvheader, header, content)
	interface.answered = true
	if method == "HEAD" then
		return code, "", lasts(answer, version, rest)
	end
	local body, behind = internal.response(interface, code, rest, answer, httpc.bodylimit)
	return code, body, lasts(answer, version, behind)
end

-- Whether it went well; the status, the body and whether the connection lasts; or what was raised,
-- and whether it was late.
local function try(interface, ...)
	local stop = watch(interface.fd)
	local ok, code, body, again = pcall(exchange, interface, ...)
	local late = stop()
	if not ok then
		return false, code, late
	end
	return true, code, body, again
end

-- level: of the program, for errors
local function request(level, method, where, url, recvheader, header, content)
	local protocol, host, name, port, key = target(where, url, level)
	local interface = REPEATABLE[method] and take_idle(key)
	local ok, code, body, again
	if interface then
		ok, code, body, again = try(interface, method, host, url, recvheader, header,
			content)
		if not ok then
			disconnect(interface)
			-- Again goes only what lost its answer by the end of the connection.
			if body or interface.answered or code ~= sockethelper.socket_error then
				fail(code, key, body, level)
			end
			interface = nil
		end
	end
	if not interface then
		interface = connect(protocol, name, port, level)
		ok, code, body, again = try(interface, method, host, url, recvheader, header,
			content)
	end
	if ok and again then
		keep(key, interface)
	else
		disconnect(interface)
	end
	if not ok then
		fail(code, key, body, level)
	end
	return code, body
end

function httpc.request(method, host, url, recvheader, header, content)
	return request(2, method, host, url, recvheader, header, content)
end

function httpc.get(host, url, recvheader, header, content)
	return request(2, "GET", host, url, recvheader, header, content)
end

function httpc.head(host, url, recvheader, header, content)
	return (request(3, "HEAD", host, url, recvheader, header, content))
end

local function escape(text)
	return (tostring(text):gsub("[^A-Za-z0-9_]", function(c)
		return ("%%%02X"):format(c:byte())
	end))
end

function httpc.post(host, url, form, recvheader)
	local pairs_of = {}
	for name, value in pairs(form) do
		pairs_of[#pairs_of + 1] = escape(name) .. "=" .. escape(value)
	end
	local header = { ["content-type"] = "application/x-www-form-urlencoded" }
	return request(2, "POST", host, url, recvheader, header, table.concat(pairs_of, "&"))
end

-- request_stream(...) -> an object that is called for the pieces of the body
function httpc.request_stream(method, where, url, recvheader, header, content)
	local protocol, host, name, port, key = target(where, url, 2)
	local interface = connect(protocol, name, port, 2)
	local stop = watch(interface.fd)
	local ok, stream = pcall(function()
		if interface.init then
			interface.init()
		end
		local code, rest, answer = internal.request(interface, method, host, url,
			recvheader, header, content)
		return internal.response_stream(interface, code, rest, answer, method == "HEAD")
	end)
	local late = stop()
	if not ok then
		disconnect(interface)
		fail(stream, key, late, 2)
	end
	stream.onclose = function()
		disconnect(interface)
	end
	return stream
end

return httpc
