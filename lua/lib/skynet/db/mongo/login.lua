-- SPDX-License-Identifier: MIT
-- skynet.db.mongo.login: how a user of MongoDB logs in. ask(db, command, value, ...) sends a
-- command and returns the server's answer.
local bson = require "bson"

local login = {}

local function refuse(fmt, ...)
	error("mongo: " .. fmt:format(...), 0)
end

local function check(r, what)
	if r.ok ~= 1 then
		refuse("%s: %s", what, tostring(r.errmsg or "the server refuses it"))
	end
	return r
end

-- The password of MongoDB's first login, which is what SCRAM-SHA-1 takes for the password.
local function digest(user, password)
	local md5 = require "md5" -- needs OpenSSL
	return md5.sumhexa(user .. ":mongo:" .. password)
end

-- The server's words, whose form is that of ours: base64 as a text. Some send the bytes.
local function words(crypt, r)
	local kind, text = bson.type(r.payload)
	if kind == "binary" then
		return text
	elseif kind == "string" then
		local ok, decoded = pcall(crypt.base64decode, text)
		if ok then
			return decoded
		end
	end
	refuse("the server's answer to the login has no payload")
end

local function by_scram(mechanism, opts, ask, db)
	local crypt = require "skynet.crypt" -- needs OpenSSL
	local s = require("skynet.db.scram").begin(opts)
	local r = check(ask(db, "saslStart", 1, "autoAuthorize", 1, "mechanism", mechanism,
		"payload", crypt.base64encode(s.first)), "login of user '" .. opts.user .. "'")
	local id = r.conversationId
	if math.type(id) ~= "integer" then
		refuse("the server's answer to the login is unknown")
	end
	local function go_on(text)
		return check(ask(db, "saslContinue", 1, "conversationId", id,
			"payload", crypt.base64encode(text)), "login of user '" .. opts.user .. "'")
	end
	r = go_on(s:answer(words(crypt, r)))
	s:verify(words(crypt, r))
	if not r.done then
		r = go_on ""
	end
	if not r.done then
		refuse("the server's login has no end")
	end
end

local mods = {}

function mods.scram_sha1(ask, db, user, password, cache)
	by_scram("SCRAM-SHA-1", { digest = "sha1", user = user, password = digest(user, password),
		nonce = 9, refuse = refuse, cache = cache }, ask, db)
end

function mods.scram_sha256(ask, db, user, password, cache)
	if password:find "[%c]" then
		refuse("a password for SCRAM-SHA-256 cannot hold control characters")
	end
	by_scram("SCRAM-SHA-256", { digest = "sha256", user = user, password = password,
		refuse = refuse, cache = cache }, ask, db)
end

function mods.mongodb_cr(ask, db, user, password)
	local nonce = check(ask(db, "getnonce", 1), "getnonce").nonce
	if type(nonce) ~= "string" then
		refuse("the server sent no nonce")
	end
	local md5 = require "md5" -- needs OpenSSL
	check(ask(db, "authenticate", 1, "user", user, "nonce", nonce,
		"key", md5.sumhexa(nonce .. user .. digest(user, password))),
		"login of user '" .. user .. "'")
end

-- Whether there is a way to log in of that name.
function login.has(mod)
	return mods[mod] ~= nil
end

-- Logs in at a data base. Raises the server's no, and what is wrong with the server. cache: a table
-- of the caller's, for the next time.
function login.run(mod, ask, db, user, password, cache)
	mods[mod](ask, db, user, password, cache)
end

return login
