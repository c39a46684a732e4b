-- SPDX-License-Identifier: MIT
-- md5: the digest of RFC 1321, the keyed one of RFC 2104, and the cipher of md5.core. None of them
-- waits.
local md5 = require "md5.core"
local hex = require "skynet.crypt".hexencode

local BLOCK <const> = 64

-- sumhexa(text): the digest as 32 lower-case hexadecimal digits.
function md5.sumhexa(text)
	return hex(md5.sum(text))
end

-- hmacmd5(data, key): the keyed digest as 32 hexadecimal digits.
function md5.hmacmd5(data, key)
	if #key > BLOCK then
		key = md5.sum(key)
	end
	key = key .. ("\0"):rep(BLOCK - #key)
	local inner = md5.sum(md5.exor(key, ("\x36"):rep(BLOCK)) .. data)
	return hex(md5.sum(md5.exor(key, ("\x5c"):rep(BLOCK)) .. inner))
end

return md5
