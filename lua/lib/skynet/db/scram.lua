-- SPDX-License-Identifier: MIT
-- skynet.db.scram: the client's side of a login by SCRAM (RFC 5802, RFC 7677), without channel
-- binding. Client and server prove to each other that they know the password; nobody sends it.
local ROUNDS_LEAST <const>, ROUNDS_MOST <const> = 4096, 1000000

local scram = {}
local login = {}
login.__index = login

local digests = {
	sha1 = { digest = "sha1", mac = "hmac_sha1" },
	sha256 = { digest = "sha256", mac = "hmac_sha256" },
}

local escapes = { ["="] = "=3D", [","] = "=2C" }

-- begin { digest = "sha1" or "sha256", user =, password =, nonce =, refuse =, cache = } -> a login,
-- whose `first` is the client's first message. nonce: how many random bytes. refuse(fmt, ...)
-- raises what is wrong with the server. cache: a table in which the key of a password is kept.
function scram.begin(opts)
	local crypt = require "skynet.crypt" -- needs OpenSSL
	local nonce = crypt.base64encode(crypt.randombytes(opts.nonce or 18))
	local bare = "n=" .. opts.user:gsub("[=,]", escapes) .. ",r=" .. nonce
	return setmetatable({
		crypt = crypt,
		form = digests[opts.digest],
		password = opts.password,
		refuse = opts.refuse,
		cache = opts.cache or {},
		nonce = nonce,
		bare = bare,
		first = "n,," .. bare,
	}, login)
end

-- The server's part of the nonce, its salt, and how many rounds.
local function read_challenge(self, text)
	local refuse, nonce = self.refuse, self.nonce
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
	local ok, bytes = pcall(self.crypt.base64decode, salt)
	if not ok or bytes == "" then
		refuse("the server's challenge (SCRAM) has no salt")
	end
	return both, bytes, rounds
end

-- The key of a password takes some milliseconds; each connection needs it anew.
local function salted(self, salt, rounds)
	local cache = self.cache
	if cache.salt ~= salt or cache.rounds ~= rounds or cache.password ~= self.password then
		cache.key = self.crypt.pbkdf2(self.form.digest, self.password, salt, rounds)
		cache.salt, cache.rounds, cache.password = salt, rounds, self.password
	end
	return cache.key
end

-- The client's second message, an answer to the server's first.
function login:answer(challenge)
	local crypt = self.crypt
	local both, salt, rounds = read_challenge(self, challenge)
	local mac, digest = crypt[self.form.mac], crypt[self.form.digest]
	local base = salted(self, salt, rounds)
	local last = "c=biws,r=" .. both
	local said = self.bare .. "," .. challenge .. "," .. last
	local key = mac(base, "Client Key")
	self.owed = mac(mac(base, "Server Key"), said)
	return last .. ",p=" .. crypt.base64encode(crypt.xor_str(key, mac(digest(key), said)))
end

-- Refuses a server whose second message does not prove that it knows the password.
function login:verify(verdict)
	local crypt = self.crypt
	local ok, shown = pcall(crypt.base64decode, verdict:match "^v=([%w+/=]+)" or "")
	if not ok or not self.owed or not crypt.equal(shown, self.owed) then
		self.refuse("the server does not know the password: it is another one than it "
			.. "seems")
	end
end

return scram
