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

local function split_protocol(host)
	local protocol, rest = host:match "^(%a[%w+.-]*)://(.*)$"
	if not protocol then
		return "http", host
	end
	protocol = protocol:lower()
	if not PORTS[protocol] then
		error(("Invalid protocol: %s"):format(protocol), 3)
	end
	return protocol, rest
end

-- The name or address in "name[:port]" or "[v6][:port]", and the port or nil.
local function split_port(host)
	local name, port = host:match "^%[([%x:.]+)%]:?(%d*)$"
	if not name then
		if host:find ":.*:" then
			local text = "Invalid host: bare IPv6 address %s, write it in brackets"
			error(text:format(host), 3)
		end
		name, port = host:match "^([^:/%s]+):?(%d*)$"
	end
	if not name then
		error(("Invalid host: %s"):format(host), 3)
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
		local ip, why = resolver.resolve(name)
		return ip or error(("Invalid host: %s (%s)"):format(name, why), 0)
	end
	return name
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

local function connect(protocol, name, port)
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
	interface.since = skynet.now()
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

-- Ends the socket when the exchange takes too long; returns what stops that.
local function watch(fd)
	if not httpc.timeout then
		return function() end
	end
	local timer = skynet.timer(httpc.timeout, function()
		socket.shutdown(fd)
	end)
	return function()
		timer:cancel()
	end
end

local function exchange(interface, method, host, url, recvheader, header, content)
	if interface.init then
		interface.init()
		interface.init = nil
	end
	local code, rest, answer, version = internal.request(interface, method, host, url,
		recvheader, header, content)
	if method == "HEAD" then
		return code, "", lasts(answer, version, rest)
	end
	local body, behind = internal.response(interface, code, rest, answer, httpc.bodylimit)
	return code, body, lasts(answer, version, behind)
end

local function try(interface, ...)
	local stop = watch(interface.fd)
	local ok, code, body, again = pcall(exchange, interface, ...)
	stop()
	return ok, code, body, again
end

local function request(method, where, url, recvheader, header, content)
	local protocol, host = split_protocol(where)
	local name, port = split_port(host)
	local key = protocol .. "://" .. host
	local interface = REPEATABLE[method] and take_idle(key)
	local ok, code, body, again
	if interface then
		ok, code, body, again = try(interface, method, host, url, recvheader, header,
			content)
		if not ok then
			disconnect(interface)
			interface = nil
		end
	end
	if not interface then
		interface = connect(protocol, name, port)
		ok, code, body, again = try(interface, method, host, url, recvheader, header,
			content)
	end
	if ok and again then
		keep(key, interface)
	else
		disconnect(interface)
	end
	if not ok then
		error(code, 0)
	end
	return code, body
end

function httpc.request(method, host, url, recvheader, header, content)
	return request(method, host, url, recvheader, header, content)
end

function httpc.get(host, url, recvheader, header, content)
	return request("GET", host, url, recvheader, header, content)
end

function httpc.head(host, url, recvheader, header, content)
	return (request("HEAD", host, url, recvheader, header, content))
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
	return request("POST", host, url, recvheader, header, table.concat(pairs_of, "&"))
end

-- request_stream(...) -> an object that is called for the pieces of the body
function httpc.request_stream(method, where, url, recvheader, header, content)
	local protocol, host = split_protocol(where)
	local interface = connect(protocol, split_port(host))
	local stop = watch(interface.fd)
	local ok, stream = pcall(function()
		if interface.init then
			interface.init()
		end
		local code, rest, answer = internal.request(interface, method, host, url,
			recvheader, header, content)
		return internal.response_stream(interface, code, rest, answer, method == "HEAD")
	end)
	stop()
	if not ok then
		disconnect(interface)
		error(stream, 0)
	end
	stream.onclose = function()
		disconnect(interface)
	end
	return stream
end

return httpc
