-- SPDX-License-Identifier: MIT
-- skynet.db.pgsql.login: how a connection to PostgreSQL begins. Passwords go as MD5 digests, or by
-- SCRAM-SHA-256 (RFC 5802, 7677), where the server proves that it knows the password too. In full
-- they go to nobody unless the program says so.
local answer = require "skynet.db.pgsql.answer"

local pack, unpack = string.pack, string.unpack
local receive = answer.receive

local login = {}

login.ANSWER_MAX = 1024 * 1024 -- bytes of an answer

local PROTOCOL <const>, TLS <const> = 3 << 16, 80877103
local STEPS <const> = 8 -- answers of a server until the login has come to its end
local ROUNDS_LEAST <const>, ROUNDS_MOST <const> = 4096, 1000000

local OK <const>, CLEARTEXT <const>, MD5 <const> = 0, 3, 5
local SASL <const>, SASL_MORE <const>, SASL_END <const> = 10, 11, 12

local names = { [2] = "Kerberos V5", [6] = "SCM", [7] = "GSSAPI", [8] = "GSSAPI", [9] = "SSPI" }

local function refuse(fmt, ...)
	error("pgsql: " .. fmt:format(...), 0)
end

local function password_of(opts)
	return opts.password or refuse("the server wants a password for user '%s', none was given",
		opts.user)
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

-- The server's part of the nonce, its salt, and how many rounds.
local function read_challenge(text, nonce, crypt)
	local both, salt, rounds = text:match "^r=([^,]+),s=([%w+/=]+),i=(%d+)$"
	rounds = math.tointeger(rounds)
	if not rounds then
		refuse("the server's challenge (SCRAM) is none")
	elseif both:sub(1, #nonce) ~= nonce or #both == #nonce then
		refuse("the server's challenge (SCRAM) is not an answer to ours")
	elseif rounds < ROUNDS_LEAST or rounds > ROUNDS_MOST then
		refuse("the server wants %d rounds of SCRAM, %d to %d are possible", rounds,
			ROUNDS_LEAST, ROUNDS_MOST)
	end
	local ok, bytes = pcall(crypt.base64decode, salt)
	if not ok or bytes == "" then
		refuse("the server's challenge (SCRAM) has no salt")
	end
	return both, bytes, rounds
end

-- The client's proof, and the signature that the server owes for it.
local function prove(crypt, password, salt, rounds, said)
	local salted = crypt.pbkdf2("sha256", password, salt, rounds)
	local key = crypt.hmac_sha256(salted, "Client Key")
	local proof = crypt.xor_str(key, crypt.hmac_sha256(crypt.sha256(key), said))
	return proof, crypt.hmac_sha256(crypt.hmac_sha256(salted, "Server Key"), said)
end

-- A login by SCRAM: ask(bytes) -> kind of the next answer, its data.
local function scram(opts, list, ask)
	local crypt = require "skynet.crypt" -- needs OpenSSL
	local mechanism, password = choose(list), password_of(opts)
	local nonce = crypt.base64encode(crypt.randombytes(18))
	local first = "n=,r=" .. nonce
	local hello = pack(">zs4", mechanism, "n,," .. first)
	local kind, challenge = ask(pack(">c1I4", "p", #hello + 4) .. hello)
	if kind ~= SASL_MORE then
		refuse "the server gave SCRAM up before it was asked for a proof"
	end
	local both, salt, rounds = read_challenge(challenge, nonce, crypt)
	local last = "c=biws,r=" .. both
	local proof, signature = prove(crypt, password, salt, rounds,
		first .. "," .. challenge .. "," .. last)
	local answer = last .. ",p=" .. crypt.base64encode(proof)
	local verdict
	kind, verdict = ask(pack(">c1I4", "p", #answer + 4) .. answer)
	if kind ~= SASL_END then
		refuse "the server has not proved that it knows the password"
	end
	local ok, shown = pcall(crypt.base64decode, verdict:match "^v=([%w+/=]+)" or "")
	if not ok or not crypt.equal(shown, signature) then
		refuse "the server does not know the password: it is another one than it seems"
	end
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
			scram(opts, data, ask)
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
			elseif word ~= "K" then
				refuse "the server's answer to the login is unknown"
			end
		end
	end)
	if failure then
		login_failed(failure)
	end
end

return login
