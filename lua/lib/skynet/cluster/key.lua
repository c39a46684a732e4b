-- SPDX-License-Identifier: MIT
-- skynet.cluster.key: who may talk to a node whose cluster configuration has __key = "secret".
--
-- A connection begins with two requests to an address that no service can have:
--
--   "hello", cn        -> sn, HMAC(key, "server" cn sn)    the node knows the key
--   "proof", HMAC(key, "client" cn sn)  -> true            so does who connected
--
-- cn and sn are fresh random numbers, so nothing that was overheard is of use later. It keeps out
-- strangers, and nodes of another cluster; what follows is neither encrypted nor signed. A node
-- without a key answers "hello" as any request to an unknown service.
local skynet = require "skynet"

local key = {}

key.ADDRESS = ".cluster key"

local NONCE_SIZE <const> = 32

-- Only nodes with a key need OpenSSL, so it is loaded when there is one.
local function crypt()
	return require "skynet.crypt"
end

local function proof(secret, role, cn, sn)
	return crypt().hmac_sha256(secret, role .. cn .. sn)
end

local function same(a, b)
	return type(a) == "string" and crypt().equal(a, b)
end

-- As who connected. ask(...) sends a request to key.ADDRESS and returns the values of its answer.
-- Raises.
function key.connect(secret, ask)
	local cn = crypt().randombytes(NONCE_SIZE)
	local ok, sn, theirs = pcall(ask, "hello", cn)
	if not ok then
		error("it does not take our cluster key: " .. tostring(sn), 0)
	elseif type(sn) ~= "string" or #sn ~= NONCE_SIZE
		or not same(theirs, proof(secret, "server", cn, sn)) then
		error("it has another cluster key", 0)
	end
	ask("proof", proof(secret, "client", cn, sn))
end

-- As the node. Returns a function(address, payload) for each request until one shows the key;
-- payload false: a push. It returns: is the key shown; is the request answered well; the answer's
-- packed values, or the text of an error, after which the connection is to end.
function key.accept(secret)
	local cn, sn
	return function(address, payload)
		if address ~= key.ADDRESS or not payload then
			return false, false, "a cluster key is needed"
		end
		local ok, what, value = pcall(skynet.unpack, payload)
		if ok and what == "hello" and not cn
			and type(value) == "string" and #value == NONCE_SIZE then
			cn, sn = value, crypt().randombytes(NONCE_SIZE)
			return false, true, skynet.packstring(sn, proof(secret, "server", cn, sn))
		elseif ok and what == "proof" and cn
			and same(value, proof(secret, "client", cn, sn)) then
			return true, true, skynet.packstring(true)
		end
		return false, false, "wrong cluster key"
	end
end

return key
