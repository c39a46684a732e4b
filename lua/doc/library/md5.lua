---@meta md5
-- Made by lua/doc/generate.py out of lua/doc/ref/md5.ref: edit it there.

---The digest MD5 (RFC 1321). For data of old games and clients: nobody should rely on it any more.
---@class md5
---@field _VERSION string
---@field _DESCRIPTION string
---@field _COPYRIGHT string
local md5 = {}

---The digest of a text.
---
---* Since 0.1.0.
---@param text string
---@return string digest 16 bytes
function md5.sum(text) end

---The digest of a text, readable.
---
---* Since 0.1.0.
---@param text string
---@return string digest 32 lower-case hexadecimal digits
function md5.sumhexa(text) end

---The keyed digest of RFC 2104.
---
---* Since 0.1.0.
---@param data string
---@param key string
---@return string digest 32 lower-case hexadecimal digits
function md5.hmacmd5(data, key) end

---Exclusive or, byte by byte.
---
---* Raises `lengths must be equal`
---* Since 0.1.0.
---@param a string
---@param b string as long as `a`
---@return string bytes
function md5.exor(a, b) end

---Encrypts with a key stream of MD5 digests. This is not secure.
---
---* Raises `key too long (> 256)`
---* Raises `seed too long (> 16)`
---* Since 0.1.0.
---@param text string
---@param key string at most 256 bytes
---@param seed? string at most 16 bytes; the time unless it is given
---@return string cipher the seed's length in one byte, the seed, and the text encrypted
function md5.crypt(text, key, seed) end

---Decrypts what `md5.crypt` has encrypted.
---
---* Raises `invalid cyphered string`
---* Since 0.1.0.
---@param cipher string what `md5.crypt` returned
---@param key string
---@return string text other bytes, if the key was another one
function md5.decrypt(cipher, key) end

return md5
