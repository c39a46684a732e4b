---@meta skynet.crypt
-- Made by lua/doc/generate.py out of lua/doc/ref/crypt.ref: edit it there.

---Digests, codes, ciphers, and what the logins of skynet's clients are made of. `client.crypt` is
---the same module for clients: it uses nothing of the node, so a plain Lua 5.4 can load it too. All
---strings are of bytes. None of the functions waits; digests and ciphers of long texts occupy their
---worker for about a millisecond a megabyte, `crypt.pbkdf2` for as long as it is told to.
---@class skynet.crypt
---@field padding table `iso7816_4`: a byte 0x80, then zeros; `pkcs7`: n bytes of value n
local crypt = {}

---Bytes as text.
---
---* Since 0.1.0.
---@param bytes string
---@return string text the standard alphabet of RFC 4648, padded, in one line
function crypt.base64encode(bytes) end

---Reads base64. Characters of no alphabet are skipped within a group of four but not behind the last
---one, where a line break is an error, too; padding may be missing; several padded texts may follow
---each other.
---
---* Raises `Invalid base64 text`
---* Since 0.1.0.
---@param text string
---@return string bytes
function crypt.base64decode(text) end

---Bytes as text.
---
---* Since 0.1.0.
---@param bytes string
---@return string text two lower-case hexadecimal digits a byte
function crypt.hexencode(bytes) end

---Reads hexadecimal digits.
---
---* Raises `Invalid hex text size N`, for an odd number of digits
---* Raises `Invalid hex text`, for anything but lower-case digits
---* Since 0.1.0.
---@param text string
---@return string bytes
function crypt.hexdecode(text) end

---The digest of RFC 3174.
---
---* Since 0.1.0.
---@param text string
---@return string digest 20 bytes
function crypt.sha1(text) end

---The keyed digest of RFC 2104.
---
---* Since 0.1.0.
---@param key string
---@param text string
---@return string digest 20 bytes
function crypt.hmac_sha1(key, text) end

---Exclusive or; `b` begins again at its end.
---
---* Raises `Can't xor empty string`
---* Since 0.1.0.
---@param a string
---@param b string
---@return string bytes as many as `a` has
function crypt.xor_str(a, b) end

---DES (FIPS 46-3) in ECB mode. For the protocols of old games: it protects nothing any more.
---
---* Raises `Invalid key size N, need 8 bytes`
---* Raises `Invalid padding mode N`
---* Since 0.1.0.
---@param key string 8 bytes; their parity bits do not count
---@param text string
---@param padding? integer of `crypt.padding`; `iso7816_4` unless it is given
---@return string cipher longer than the text by 1 to 8 bytes
function crypt.desencode(key, text, padding) end

---Decrypts what `crypt.desencode` has encrypted.
---
---* Raises `Invalid des crypt text length N`, unless it is a multiple of 8 and more than 0
---* Raises `Invalid des crypt text`, for one without padding, as with a wrong key
---* Since 0.1.0.
---@param key string 8 bytes
---@param cipher string
---@param padding? integer of `crypt.padding`
---@return string text
function crypt.desdecode(key, cipher, padding) end

---A key for `crypt.dhexchange` or `crypt.desencode`; never all zero.
---
---* Since 0.1.0.
---@return string key 8 bytes that nobody can guess
function crypt.randomkey() end

---A hash of a text, not a digest: it is easy to find another text with the same one.
---
---* Since 0.1.0.
---@param text string
---@return string hash 8 bytes
function crypt.hashkey(text) end

---The keyed digest of skynet's logins, made of MD5's steps.
---
---* Raises `Invalid uint64 x`
---* Raises `Invalid uint64 y`
---* Since 0.1.0.
---@param x string 8 bytes
---@param y string 8 bytes
---@return string digest 8 bytes
function crypt.hmac64(x, y) end

---Another one, made of MD5.
---
---* Raises `Invalid uint64 x`
---* Raises `Invalid uint64 y`
---* Since 0.1.0.
---@param x string 8 bytes
---@param y string 8 bytes
---@return string digest 8 bytes
function crypt.hmac64_md5(x, y) end

---`crypt.hmac64(crypt.hashkey(text), key)`.
---
---* Raises `Invalid uint64 key`
---* Since 0.1.0.
---@param key string 8 bytes
---@param text string
---@return string digest 8 bytes
function crypt.hmac_hash(key, text) end

---The first half of an exchange of keys (Diffie and Hellman, in a group of 64 bits: who overhears it
---can find the secret with a few hours of work).
---
---* Raises `Invalid dh uint64 key`
---* Raises `Can't be 0`
---* Since 0.1.0.
---@param secret string 8 bytes, as of `crypt.randomkey`
---@return string public 8 bytes to tell the other side
function crypt.dhexchange(secret) end

---The second half.
---
---* Raises `Invalid uint64 public key`
---* Raises `Invalid uint64 secret`
---* Raises `Can't be 0`
---* Since 0.1.0.
---@param public string what the other side told, 8 bytes
---@param secret string one's own secret, 8 bytes
---@return string shared 8 bytes that both sides know then
function crypt.dhsecret(public, secret) end

---The digest of FIPS 180-4.
---
---* Since 0.1.0, not in skynet.
---@param text string
---@return string digest 32 bytes
function crypt.sha256(text) end

---The digest of FIPS 180-4.
---
---* Since 0.1.0, not in skynet.
---@param text string
---@return string digest 64 bytes
function crypt.sha512(text) end

---The keyed digest of RFC 2104 with SHA-256.
---
---* Since 0.1.0, not in skynet.
---@param key string
---@param text string
---@return string digest 32 bytes
function crypt.hmac_sha256(key, text) end

---The keyed digest of RFC 2104 with SHA-512.
---
---* Since 0.1.0, not in skynet.
---@param key string
---@param text string
---@return string digest 64 bytes
function crypt.hmac_sha512(key, text) end

---A key out of a password (RFC 8018). It occupies its worker: 10,000 rounds take some
---milliseconds.
---
---* Raises `rounds times blocks must be 1 to 10000000`
---* Since 0.1.0, not in skynet.
---@param digest string `sha1`, `sha256` or `sha512`
---@param password string
---@param salt string
---@param rounds integer at least 1; rounds times blocks at most 10,000,000
---@param size? integer at most 1,024 bytes; as many as the digest has unless it is given
---@return string key
function crypt.pbkdf2(digest, password, salt, rounds, size) end

---AES-256-GCM (NIST SP 800-38D), what new programs want in place of DES.
---
---* Raises `a key has 32 bytes`
---* Raises `a nonce has 12 bytes`
---* Since 0.1.0, not in skynet.
---@param key string 32 bytes
---@param nonce string 12 bytes; never the same twice with one key
---@param text string
---@param head? string what is not encrypted, but must be the same for who decrypts
---@return string sealed the text encrypted, then a tag of 16 bytes
function crypt.aes_gcm_encrypt(key, nonce, text, head) end

---Decrypts, and finds out whether anybody has changed a bit.
---
---* Raises `a key has 32 bytes`
---* Raises `a nonce has 12 bytes`
---* Since 0.1.0, not in skynet.
---@param key string 32 bytes
---@param nonce string 12 bytes
---@param sealed string what `crypt.aes_gcm_encrypt` returned
---@param head? string
---@return string? text nil when anything of it is not what it was
function crypt.aes_gcm_decrypt(key, nonce, sealed, head) end

---Encrypts for the owner of an RSA key (RFC 8017, OAEP with SHA-1).
---
---* Raises `no public key in PEM: REASON`
---* Raises `cannot encrypt with this key: REASON`
---* Since 0.1.0, not in skynet.
---@param pem string a public key, as `-----BEGIN PUBLIC KEY-----`
---@param text string short: 214 bytes for a key of 2,048 bits
---@return string cipher
function crypt.rsa_oaep_encrypt(pem, text) end

---Bytes that nobody can guess.
---
---* Raises `0 to 65536 bytes`
---* Since 0.1.0, not in skynet.
---@param n integer 0 to 65,536
---@return string bytes
function crypt.randombytes(n) end

---Compares in a time that tells nothing but the sizes, as one wants it for digests and tokens.
---
---* Since 0.1.0, not in skynet.
---@param a string
---@param b string
---@return boolean equal
function crypt.equal(a, b) end

return crypt
