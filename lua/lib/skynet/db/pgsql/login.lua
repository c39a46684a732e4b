-- SPDX-License-Identifier: MIT
-- skynet.db.pgsql.login: how a connection to PostgreSQL begins. Passwords go as MD5 digests, or by
-- SCRAM-SHA-256 (RFC 5802, 7677), where the server proves that it knows the password too. In full
-- they go to nobody unless the program says so.
local socketchannel = require "skynet.socketchannel"
local answer = require "skynet.db.pgsql.answer"

local pack, unpack = string.pack, string.unpack
local receive = answer.receive

local login = {}

login.ANSWER_MAX = 1024 * 1024 -- bytes of an answer

local PROTOCOL <const>, TLS <const>, CANCEL <const> = 3 << 16, 80877103, 80877102
local STEPS <const> = 8 -- answers of a server until the login has come to its end

local OK <const>, CLEARTEXT <const>, MD5 <const> = 0, 3, 5
local SASL <const>, SASL_MORE <const>, SASL_END <const> = 10, 11, 12

local names = { [2] = "Kerberos V5", [6] = "SCM", [7] = "GSSAPI", [8] = "GSSAPI", [9] = "SSPI" }

local function refuse(fmt, ...)
	error("pgsql: " .. fmt:format(...), 0)
end

local function password_of(opts)
	return opts.password or refuse("the server wants a password for user '%s', none was given: "
		.. "the option password of pgsql.connect", opts.user)
end

local function send_password(text)
	return pack(">c1I4z", "p", #text + 5, text)
end

-- ---- SCRAM ----

-- The name of the mechanism in the list of the server that we speak.
local function choose(list)
	for name in list:gmatch "[^\0]+" do
		if name == "SCRAM-SHA-256" then
			return name
		end
	end
	refuse("the server wants one of these logins, none of which is SCRAM-SHA-256: %s",
		list:gsub("\0+", " "))
end

-- A login by SCRAM: ask(bytes) -> kind of the next answer, its data. The server knows the user's
-- name already.
local function by_scram(opts, list, ask)
	local mechanism = choose(list)
	local s = require("skynet.db.scram").begin { digest = "sha256", user = "",
		password = password_of(opts), refuse = refuse, cache = opts.cache }
	local hello = pack(">zs4", mechanism, s.first)
	local kind, data = ask(pack(">c1I4", "p", #hello + 4) .. hello)
	if kind ~= SASL_MORE then
		refuse "the server gave SCRAM up before it was asked for a proof"
	end
	local proof = s:answer(data)
	kind, data = ask(pack(">c1I4", "p", #proof + 4) .. proof)
	if kind ~= SASL_END then
		refuse "the server has not proved that it knows the password"
	end
	s:verify(data)
end

-- ---- the other logins ----

local function digest(opts, salt)
	local md5 = require "md5" -- needs OpenSSL
	return "md5" .. md5.sumhexa(md5.sumhexa(password_of(opts) .. opts.user) .. salt)
end

local function clear(opts)
	if not opts.allow_cleartext then
		refuse("the server wants the password of user '%s' in full: allow_cleartext = true "
			.. "lets it go", opts.user)
	end
	return password_of(opts)
end

-- ---- the whole ----

-- Asks for TLS, and goes on in it. What a server says before that is nobody's word, so no more than
-- one byte of it is looked at.
local function start_tls(ch, opts)
	local answer = ch:request(pack(">I4I4", 8, TLS), function(sock)
		return true, sock:read(1)
	end, nil, opts.timeout)
	if answer == "N" then
		refuse "the server has no TLS"
	elseif answer ~= "S" then
		refuse "the server's answer to TLS is unknown"
	end
	require "skynet.db.tls".start(ch, opts.ssl)
end

local function login_failed(body)
	local e = answer.report(body)
	error(("severity:%s, code:%s, msg:%s"):format(e.severity, e.code, e.message), 0)
end

local function startup(opts)
	local parts = { pack(">I4", PROTOCOL) }
	for k, v in pairs(opts.startup) do
		parts[#parts + 1] = k .. "\0" .. v .. "\0"
	end
	local body = table.concat(parts) .. "\0"
	return pack(">I4", #body + 4) .. body
end

-- On a connection of its own: asks the server to give up what the one with that key runs. There is
-- no answer.
function login.cancel(opts, key)
	local channel <const> = socketchannel.channel {
		host = opts.host,
		port = opts.port,
		auth = opts.ssl and function(ch)
			start_tls(ch, opts)
		end,
	}
	channel:connect(true)
	channel:request(pack(">I4I4", #key + 8, CANCEL) .. key)
	channel:close()
end

-- Logs in on a channel that has just connected. exchange(bytes, f) sends and reads with f(reader).
-- Raises why it is not possible.
function login.run(ch, opts, exchange)
	-- The next word about the login and its data. A server of another version says so first.
	local function read_step(r)
		local kind, body = receive(r)
		if kind == "v" then
			kind, body = receive(r)
		end
		return { kind, body }
	end
	local function ask(bytes)
		local step = exchange(bytes, read_step)
		local kind, body = step[1], step[2]
		if kind == "E" then
			login_failed(body)
		elseif kind ~= "R" or #body < 4 then
			refuse "the server's answer to the login is unknown"
		end
		return unpack(">I4", body), body:sub(5)
	end
	if opts.ssl then
		start_tls(ch, opts)
	end
	local kind, data = ask(startup(opts))
	for _ = 1, STEPS do
		if kind == OK then
			break
		elseif kind == CLEARTEXT then
			kind, data = ask(send_password(clear(opts)))
		elseif kind == MD5 then
			kind, data = ask(send_password(digest(opts, data)))
		elseif kind == SASL then
			by_scram(opts, data, ask)
			kind, data = ask(nil)
		else
			refuse("the server wants the login %s, which is none of SCRAM-SHA-256, MD5 "
				.. "and a password", names[kind] or kind)
		end
	end
	if kind ~= OK then
		refuse "the server's login has no end"
	end
	local failure = exchange(nil, function(r)
		while true do
			local word, body = receive(r)
			if word == "E" then
				return body
			elseif word == "Z" then
				return false
			elseif word == "K" then
				r.client.key = body
			else
				refuse "the server's answer to the login is unknown"
			end
		end
	end)
	if failure then
		login_failed(failure)
	end
end

return login
