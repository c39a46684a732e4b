-- SPDX-License-Identifier: MIT
-- skynet.db.tls: the connection of a data base's client goes on in TLS.
--
-- The protocols of data bases begin in the clear and agree on TLS; from then on the channel writes
-- and reads through a session of ltls.c. A server shows who it is unless the program has said that
-- it does not matter.
local skynet = require "skynet"
local socket = require "skynet.socket"
local socket_error = require "skynet.socketchannel".error
local tlshelper = require "http.tlshelper"

local tls = {}

local kinds = { ca = "string", cert = "string", key = "string", name = "string",
	ciphers = "string", verify = "boolean" }

local function check(who, ssl)
	if type(ssl) ~= "table" then
		error(("%s: ssl is to be true or a table, not %s"):format(who, type(ssl)), 0)
	end
	for key, v in pairs(ssl) do
		local kind = kinds[key]
		if not kind then
			error(("%s: ssl has no option '%s'"):format(who, tostring(key)), 0)
		elseif type(v) ~= kind then
			error(("%s: ssl.%s is to be a %s, not a %s"):format(who, key, kind,
				type(v)), 0)
		end
	end
	if (ssl.cert == nil) ~= (ssl.key == nil) then
		error(("%s: ssl.cert and ssl.key belong together"):format(who), 0)
	end
end

-- What connections are made with, of the option ssl of a client. who: the function, for the texts
-- of errors. host: whom the certificate is for unless the option says so.
function tls.options(who, ssl, host)
	ssl = ssl == true and {} or ssl
	check(who, ssl)
	local verify = ssl.verify
	if verify == nil then
		verify = skynet.getenv "tls_verify" ~= "false"
	end
	local ctx = tlshelper.newctx()
	if verify then
		ctx:set_verify(ssl.ca or skynet.getenv "tls_ca_file")
	end
	if ssl.cert then
		ctx:set_cert(ssl.cert, ssl.key)
	end
	if ssl.ciphers then
		ctx:set_ciphers(ssl.ciphers)
	end
	return { ctx = ctx, name = ssl.name or host, verifies = verify }
end

-- At least a byte of what the server says.
local function some_text(session, fd)
	local text = session:read()
	while text == "" do
		if session:ended() then
			error(socket_error)
		end
		text = session:read(socket.read(fd) or error(socket_error))
	end
	return text
end

-- The methods of a channel's `sock`: some() returns what is there, read(n) n bytes, readline(sep)
-- what stands before it.
local function methods(session, fd)
	local kept, at = "", 1 -- what has come, and the first byte that nobody has taken
	local m = {}
	function m.some()
		if at > #kept then
			return some_text(session, fd)
		end
		local text = kept:sub(at)
		kept, at = "", 1
		return text
	end
	function m.read(_, n)
		if #kept - at + 1 < n then
			local parts, size = { kept:sub(at) }, #kept - at + 1
			while size < n do
				local text = some_text(session, fd)
				parts[#parts + 1] = text
				size = size + #text
			end
			kept, at = table.concat(parts), 1
		end
		at = at + n
		return kept:sub(at - n, at - 1)
	end
	function m.readline(_, sep)
		sep = sep or "\n"
		local first, last = kept:find(sep, at, true)
		while not first do
			kept, at = kept:sub(at) .. some_text(session, fd), 1
			first, last = kept:find(sep, 1, true)
		end
		local line = kept:sub(at, first - 1)
		at = last + 1
		return line
	end
	return m
end

-- In a channel's auth, when the server has agreed: the handshake, then all in TLS. Raises why it is
-- not possible.
function tls.start(ch, options)
	ch:through(function(fd)
		local session = tlshelper.newtls("client", options.ctx)
		tlshelper.init_requestfunc(fd, session)(options.name)
		return function(request)
			return session:write(type(request) == "table" and table.concat(request)
				or request)
		end, methods(session, fd)
	end)
end

return tls
