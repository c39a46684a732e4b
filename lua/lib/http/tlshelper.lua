-- SPDX-License-Identifier: MIT
-- http.tlshelper: TLS on a socket, as the functions that the rest of http reads and writes with.
--
-- A session of ltls.c works on strings; here they come from a socket and go to it. Functions that
-- read and write raise sockethelper.socket_error when the connection is lost, and the text of
-- ltls.c when the peer is not who it should be or speaks no TLS.
local skynet = require "skynet"
local socket = require "skynet.socket"
local channels = require "http.channels"
local sockethelper = require "http.sockethelper"
local ltls = require "ltls.c"

local tlshelper = {}

-- Centiseconds for a handshake, after which the connection is shut down. Who has not shown that it
-- speaks TLS gets no more of a server.
tlshelper.handshake_timeout = 3000

tlshelper.newctx = ltls.newctx
tlshelper.newtls = ltls.newtls

-- The sockets of sessions, for the farewell.
local sockets = setmetatable({}, { __mode = "k" })

local client_ctx

-- The context of this service for connections to servers that must show who they are. The
-- environment tls_ca_file names the issuers to trust in place of the system's; tls_verify "false"
-- trusts everybody.
function tlshelper.clientctx()
	if not client_ctx then
		local ctx = ltls.newctx()
		if skynet.getenv "tls_verify" ~= "false" then
			ctx:set_verify(skynet.getenv "tls_ca_file")
		end
		ctx:set_alpn { "http/1.1" }
		client_ctx = ctx
	end
	return client_ctx
end

-- ---- the handshake ----

-- out: what a client says first.
local function shake(read, write, tls, out)
	while true do
		if out then
			write(out)
		end
		if tls:finished() then
			break
		end
		out = tls:handshake(read())
	end
	out = tls:write()
	if out ~= "" then
		write(out)
	end
end

-- In time, and with a word to the peer when it fails.
local function shake_in_time(fd, tls, out)
	local limit = tlshelper.handshake_timeout
	local timer = limit and skynet.timer(limit, function()
		socket.shutdown(fd)
	end)
	local read, write = sockethelper.readfunc(fd), sockethelper.writefunc(fd)
	local ok, why = pcall(shake, read, write, tls, out)
	if timer then
		timer:cancel()
	end
	if not ok then
		local said, alert = pcall(tls.write, tls)
		if said and alert ~= "" then
			socket.write(fd, alert)
		end
		error(type(why) == "string" and why:gsub("^[^\n]-:%d+: SSL_", "SSL_") or why, 0)
	end
end

-- init_requestfunc(fd, tls) -> init([hostname]): the handshake of a client.
function tlshelper.init_requestfunc(fd, tls)
	sockets[tls] = fd
	return function(hostname)
		if hostname then
			tls:set_ext_host_name(hostname)
		end
		shake_in_time(fd, tls, tls:handshake())
	end
end

-- init_responsefunc(fd, tls) -> init(): the handshake of a server.
function tlshelper.init_responsefunc(fd, tls)
	sockets[tls] = fd
	return function()
		shake_in_time(fd, tls)
	end
end

-- ---- reading and writing ----

-- At least a byte of text.
local function some_text(tls, read)
	local text = tls:read()
	while text == "" do
		if tls:ended() then
			error(sockethelper.socket_error)
		end
		text = tls:read(read())
	end
	return text
end

-- readfunc(fd, tls) -> read(), which returns what is there, and read(n), which returns n bytes.
function tlshelper.readfunc(fd, tls)
	local read = sockethelper.readfunc(fd)
	local kept = "" -- decrypted and not yet asked for
	local function read_text(n)
		if not n then
			local text = kept
			kept = ""
			return text ~= "" and text or some_text(tls, read)
		end
		local parts, size = { kept }, #kept
		while size < n do
			local text = some_text(tls, read)
			parts[#parts + 1] = text
			size = size + #text
		end
		local text = table.concat(parts)
		kept = text:sub(n + 1)
		return text:sub(1, n)
	end
	channels.note(read_text, fd, tlshelper.writefunc(fd, tls), function() return #kept end)
	return read_text
end

function tlshelper.writefunc(fd, tls)
	local write = sockethelper.writefunc(fd)
	return function(text)
		write(tls:write(text))
	end
end

-- readallfunc(fd, tls) -> readall(), which returns all text until the peer ends or is lost.
function tlshelper.readallfunc(fd, tls)
	return function()
		local parts = { tls:read() }
		while not tls:ended() do
			local data, rest = socket.read(fd)
			parts[#parts + 1] = tls:read(data or rest)
			if not data then
				break
			end
		end
		return table.concat(parts)
	end
end

-- closefunc(tls) -> close(), which says to the peer that no more comes, if its socket is still
-- there, and frees the session.
function tlshelper.closefunc(tls)
	return function()
		local fd = sockets[tls]
		sockets[tls] = nil
		if fd and not socket.invalid(fd) and tls:finished() then
			socket.write(fd, tls:shutdown())
		end
		tls:close()
	end
end

return tlshelper
