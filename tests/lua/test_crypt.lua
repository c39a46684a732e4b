-- SPDX-License-Identifier: MIT
-- skynet.crypt and client.crypt: known results, what comes back, what is refused, what is ours
-- beyond the original.
local crypt = require "skynet.crypt"
local client = require "client.crypt"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local function unhex(text)
	return (text:gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end))
end

local function hex(bytes)
	return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

local ONE <const> = "\1\0\0\0\0\0\0\0"
local ZERO <const> = ("\0"):rep(8)
local PRIME <const> = "\xc5" .. ("\xff"):rep(7)
local SIZES <const> = { 0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 63, 64, 65, 1000, 1024, 4095, 4096, 4097,
	10000 }

-- A text of n bytes with all values in it.
local function bytes(n)
	local t = {}
	for i = 1, n do
		t[i] = string.char((i * 167 + n) % 256)
	end
	return table.concat(t)
end

local function plain_lua(script)
	local file
	for line in io.lines "/proc/self/maps" do
		file = file or line:match "(/%S*/)client/crypt%.so$"
	end
	local f = assert(io.popen(("lua5.4 -e 'package.cpath = \"%s?.so\" %s' 2>&1")
		:format(assert(file), script)))
	local text = f:read "a"
	f:close()
	return text
end

tap.run {
	{ "hashkey", function()
		equal(hex(crypt.hashkey ""), "05150000a7c6674e")
		equal(hex(crypt.hashkey "hello world"), "c1c8513506e36bbc")
		equal(hex(crypt.hashkey "\x80\xff"), "c47b59008476a8a4")
		raises("string expected", crypt.hashkey)
	end },
	{ "hmac64, hmac64_md5 and hmac_hash", function()
		equal(hex(crypt.hmac64("12345678", "abcdefgh")), "ac9ffda9547a027a")
		equal(hex(crypt.hmac64_md5("12345678", "abcdefgh")), "c2a34748cf834af4")
		equal(hex(crypt.hmac_hash("abcdefgh", "hello")), "1ab2a24b8a0b4f6c")
		equal(crypt.hmac_hash("abcdefgh", "hello"),
			crypt.hmac64(crypt.hashkey "hello", "abcdefgh"))
		for _, f in ipairs { crypt.hmac64, crypt.hmac64_md5 } do
			raises("Invalid uint64 x", f, "1234567", "abcdefgh")
			raises("Invalid uint64 y", f, "12345678", "abcdefghi")
			raises("Invalid uint64 y", f, "12345678", "")
		end
		raises("Invalid uint64 key", crypt.hmac_hash, "abc", "hello")
	end },
	{ "dhexchange and dhsecret", function()
		equal(hex(crypt.dhexchange "12345678"), "a18e89af97222f0e")
		equal(hex(crypt.dhexchange(ONE)), "0500000000000000")
		equal(hex(crypt.dhsecret(crypt.dhexchange "12345678", "abcdefgh")),
			"fab8e4dca970e431")
		equal(hex(crypt.dhsecret(crypt.dhexchange "abcdefgh", "12345678")),
			"fab8e4dca970e431")
		raises("Invalid dh uint64 key", crypt.dhexchange, "1")
		raises("Can't be 0", crypt.dhexchange, ZERO)
		raises("Can't be 0", crypt.dhsecret, ZERO, ONE)
		raises("Can't be 0", crypt.dhsecret, PRIME, ONE)
		raises("Can't be 0", crypt.dhsecret, ONE, ZERO)
		raises("Invalid uint64", crypt.dhsecret, "", ONE)
		raises("Invalid uint64", crypt.dhsecret, ONE, "123456789")
	end },
	{ "powers at the edges of the group", function()
		-- p - 1 is -1: its square is 1; p - 1 times itself an odd number of times is p - 1.
		local minus = "\xc4" .. ("\xff"):rep(7)
		equal(crypt.dhsecret(minus, "\2" .. ("\0"):rep(7)), ONE)
		equal(crypt.dhsecret(minus, ("\xff"):rep(8)), minus)
		-- Fermat: x^(p-1) is 1, and x^p is x, for whatever x.
		for _, x in ipairs { "12345678", ONE, minus, "\0\0\0\0\0\0\0\x80",
			crypt.randomkey() } do
			equal(crypt.dhsecret(x, minus), ONE)
			equal(crypt.dhsecret(x, PRIME), x)
		end
		-- p + 1, as a number of 64 bits, is 1.
		equal(crypt.dhsecret("\xc6" .. ("\xff"):rep(7), "12345678"), ONE)
		for _ = 1, 100 do
			local a, b = crypt.randomkey(), crypt.randomkey()
			equal(crypt.dhsecret(crypt.dhexchange(a), b),
				crypt.dhsecret(crypt.dhexchange(b), a))
		end
	end },
	{ "randomkey is 8 bytes, others each time", function()
		local seen = {}
		for _ = 1, 1000 do
			local key = crypt.randomkey()
			equal(#key, 8)
			assert(not seen[key], "the same key twice")
			seen[key] = true
			assert(key ~= ZERO)
		end
	end },
	{ "DES encodes as known", function()
		equal(hex(crypt.desencode("12345678", "hello world")),
			"28dba02eb5f6dd4706b5c56593dcbe2c")
		equal(hex(crypt.desencode("12345678", "")), "8d3d438a718b4510")
		equal(hex(crypt.desencode("12345678", "12345678")),
			"96d0028878d58c898d3d438a718b4510")
		-- Known pairs of a key, a block, and the block encrypted.
		for _, v in ipairs {
			{ "133457799bbcdff1", "0123456789abcdef", "85e813540f0ab405" },
			{ "0e329232ea6d0d73", "8787878787878787", "0000000000000000" },
			{ "0101010101010101", "8000000000000000", "95f8a5e5dd31d900" },
			{ "8001010101010101", "0000000000000000", "95a8d72813daa94d" },
			{ "7ca110454a1a6e57", "01a1d6d039776742", "690f5b0d9a26939b" },
		} do
			equal(hex(crypt.desencode(unhex(v[1]), unhex(v[2])):sub(1, 8)), v[3])
		end
		-- The parity bits of a key do not count.
		equal(crypt.desencode("\0\0\0\0\0\0\0\0", "text"),
			crypt.desencode("\1\1\1\1\1\1\1\1", "text"))
	end },
	{ "DES there and back, with either padding", function()
		for _, padding in ipairs { crypt.padding.iso7816_4, crypt.padding.pkcs7 } do
			for _, n in ipairs(SIZES) do
				local code = crypt.desencode("12345678", bytes(n), padding)
				equal(#code, (n // 8 + 1) * 8)
				equal(crypt.desdecode("12345678", code, padding), bytes(n))
			end
		end
		equal(crypt.padding.iso7816_4, 0)
		equal(crypt.padding.pkcs7, 1)
		equal(crypt.desdecode("12345678", crypt.desencode("12345678", "a", 0)), "a")
	end },
	{ "DES refuses", function()
		raises("Invalid key size 7, need 8 bytes", crypt.desencode, "1234567", "x")
		raises("Invalid key size 9, need 8 bytes", crypt.desdecode, "123456789", "x")
		raises("Invalid padding mode 2", crypt.desencode, "12345678", "x", 2)
		raises("Invalid padding mode -1", crypt.desdecode, "12345678", "12345678", -1)
		raises("Invalid des crypt text length 0", crypt.desdecode, "12345678", "")
		raises("Invalid des crypt text length 9", crypt.desdecode, "12345678", "123456789")
		raises("Invalid des crypt text", crypt.desdecode, "22345678",
			crypt.desencode("12345678", "hello"))
		local iso, pkcs = crypt.desencode("12345678", "a", 0),
			crypt.desencode("12345678", "a", 1)
		raises("Invalid des crypt text", crypt.desdecode, "12345678", iso, 1)
		raises("Invalid des crypt text", crypt.desdecode, "12345678", pkcs, 0)
		-- Padding of 7 bytes, of which one is another; of 0 bytes; of 9; nothing but zeros.
		for _, block in ipairs { "a\7\7\7\6\7\7\7", "aaaaaaa\0", "\9\9\9\9\9\9\9\9" } do
			local code = crypt.desencode("12345678", block):sub(1, 8)
			raises("Invalid des crypt text", crypt.desdecode, "12345678", code, 1)
		end
		raises("Invalid des crypt text", crypt.desdecode, "12345678",
			crypt.desencode("12345678", ZERO):sub(1, 8))
	end },
	{ "hexadecimal digits", function()
		equal(crypt.hexencode "\0\x01\x7f\x80\xab\xff", "00017f80abff")
		equal(crypt.hexdecode "00017f80abff", "\0\x01\x7f\x80\xab\xff")
		for _, n in ipairs(SIZES) do
			equal(crypt.hexencode(bytes(n)), hex(bytes(n)))
			equal(crypt.hexdecode(crypt.hexencode(bytes(n))), bytes(n))
		end
		raises("Invalid hex text size 1", crypt.hexdecode, "a")
		raises("Invalid hex text size 4097", crypt.hexdecode, ("a"):rep(4097))
		for c = 0, 255 do
			local digit = string.char(c)
			if not digit:find "[0-9a-f]" then
				raises("Invalid hex text", crypt.hexdecode, "0" .. digit)
				raises("Invalid hex text", crypt.hexdecode, digit .. "0")
				raises("Invalid hex text", crypt.hexdecode,
					("0"):rep(64) .. digit .. ("0"):rep(63))
			end
		end
	end },
	{ "base64 of RFC 4648", function()
		for text, code in pairs {
			[""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==",
				fooba = "Zm9vYmE=", foobar = "Zm9vYmFy",
			["\xfb\xff\xbf"] = "+/+/",
		} do
			equal(crypt.base64encode(text), code)
			equal(crypt.base64decode(code), text)
			equal(crypt.base64decode((code:gsub("=", ""))), text)
		end
		for _, n in ipairs(SIZES) do
			equal(crypt.base64decode(crypt.base64encode(bytes(n))), bytes(n))
		end
	end },
	{ "base64: what is skipped, what is refused", function()
		equal(crypt.base64decode "Zm 9v\nYm\0Fy", "foobar")
		equal(crypt.base64decode "Zg==Zm8=Zm9v", "ffofoo")
		equal(crypt.base64decode "Zg=", "f")
		equal(crypt.base64decode "\nZg==", "f")
		equal(crypt.base64decode "Zg=\n=", "f")
		for _, bad in ipairs {
			"Z", "Zm9vY", "=", "====", "Z===", "Z=g=", "Zg=g", "Zh==", "Zm9=", "Zh",
				"Zm9vYg==\n", "Zm9v\n", "Zm9v ", " ",
			"Zm9v=", "Zm9v====", "Zg==\n\n", "Zg===",
		} do
			raises("Invalid base64 text", crypt.base64decode, bad)
		end
	end },
	{ "any characters are refused or decoded, and the same ones always", function()
		local seed = 1
		local function random(n)
			seed = (seed * 1103515245 + 12345) & 0x7fffffff
			return (seed >> 8) % n
		end
		local alphabet = "ABab01+/=\n"
		for _ = 1, 20000 do
			local t = {}
			for i = 1, random(20) do
				local k = random(#alphabet) + 1
				t[i] = alphabet:sub(k, k)
			end
			local text = table.concat(t)
			local ok, got = pcall(crypt.base64decode, text)
			assert(ok or got:find "Invalid base64 text", got)
			if ok and not text:find "=.*[^=\n]" then
				equal(crypt.base64encode(got):gsub("=", ""),
					(text:gsub("[=\n]", "")))
			end
		end
	end },
	{ "SHA-1 and its keyed digest (RFC 3174, RFC 2202)", function()
		equal(hex(crypt.sha1 ""), "da39a3ee5e6b4b0d3255bfef95601890afd80709")
		equal(hex(crypt.sha1 "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d")
		equal(hex(crypt.sha1(("a"):rep(1000000))),
			"34aa973cd4c4daa4f61eeb2bdbad27316534016f")
		equal(hex(crypt.hmac_sha1("Jefe", "what do ya want for nothing?")),
			"effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
		equal(hex(crypt.hmac_sha1(("\xaa"):rep(80),
			"Test Using Larger Than Block-Size Key - Hash Key First")),
			"aa4ae5e15272d00e95705637ce8a3b55ed402112")
		equal(hex(crypt.hmac_sha1("", "")), "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d")
		equal(#crypt.sha1 "x", 20)
		raises("string expected", crypt.hmac_sha1, "key")
	end },
	{ "xor_str repeats the second string", function()
		equal(crypt.xor_str("abcdef", "\1\2"), "\x60\x60\x62\x66\x64\x64")
		equal(crypt.xor_str("", "x"), "")
		equal(crypt.xor_str("ab", "abcdef"), "\0\0")
		equal(crypt.xor_str(crypt.xor_str(bytes(10000), "key"), "key"), bytes(10000))
		raises("Can't xor empty string", crypt.xor_str, "a", "")
	end },
	{ "client.crypt has the same functions, under Lua's own interpreter too", function()
		for name in pairs(crypt) do
			equal(type(client[name]), type(crypt[name]))
		end
		for name in pairs(client) do
			assert(crypt[name], name)
		end
		if os.execute "command -v lua5.4 >/dev/null" then
			local text = plain_lua [[
				c = require "client.crypt"
				io.write(c.hexencode(c.desencode("12345678", "")))
				io.write(c.base64encode(c.sha1 "abc"))]]
			-- A library with a sanitizer in it needs an interpreter with one.
			assert(text == "8d3d438a718b4510qZk+NkcGgWq6PiVxeFDCbJzQ2J0="
				or text:find "ASan runtime" or text:find "ThreadSanitizer"
				or text:find "static TLS", text)
		end
	end },
	{ "ours: SHA-2 and its keyed digests (FIPS 180-4, RFC 4231)", function()
		equal(hex(crypt.sha256 "abc"),
			"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
		equal(hex(crypt.sha512 "abc"),
			"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
			.. "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f")
		equal(hex(crypt.hmac_sha256("Jefe", "what do ya want for nothing?")),
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
		equal(hex(crypt.hmac_sha256(("\xaa"):rep(131),
			"Test Using Larger Than Block-Size Key - Hash Key First")),
			"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
		equal(hex(crypt.hmac_sha512("Jefe", "what do ya want for nothing?")),
			"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
			.. "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737")
	end },
	{ "ours: PBKDF2 (RFC 6070, RFC 7677)", function()
		equal(hex(crypt.pbkdf2("sha1", "password", "salt", 2)),
			"ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957")
		equal(hex(crypt.pbkdf2("sha1", "pass\0word", "sa\0lt", 4096, 16)),
			"56fa6aa75548099dcc37d7f03425e0c3")
		equal(hex(crypt.pbkdf2("sha256", "pencil", "salt", 4096)),
			"0997564f292923271312698037b6b0a06a8be7fbd912480847c5a1ace4b8d1c7")
		equal(hex(crypt.pbkdf2("sha512", "pencil", "salt", 1, 100)):sub(1, 64),
			"e6b56345efa66fcec7ffa2f911f793fba21eeb14fe99e57120ffac062f2e8140")
		raises("invalid option 'md4'", crypt.pbkdf2, "md4", "password", "salt", 1)
		raises("must be 1 to 10000000", crypt.pbkdf2, "sha1", "password", "salt", 0)
		raises("must be 1 to 10000000", crypt.pbkdf2, "sha1", "password", "salt", 10000001)
		raises("must be 1 to 10000000", crypt.pbkdf2, "sha1", "password", "salt", 5000001,
			40)
		raises("1 to 1024 bytes", crypt.pbkdf2, "sha1", "password", "salt", 1, 1025)
	end },
	{ "ours: AES-256-GCM there and back, nothing for who changed a bit", function()
		local key, nonce = bytes(32), bytes(12)
		equal(hex(crypt.aes_gcm_encrypt(("\0"):rep(32), ("\0"):rep(12), "")),
			"530f8afbc74536b9a963b4f1c4cb738b")
		equal(hex(crypt.aes_gcm_encrypt(("\0"):rep(32), ("\0"):rep(12), ("\0"):rep(16))),
			"cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919")
		for _, n in ipairs(SIZES) do
			local sealed = crypt.aes_gcm_encrypt(key, nonce, bytes(n), "head")
			equal(#sealed, n + 16)
			equal(crypt.aes_gcm_decrypt(key, nonce, sealed, "head"), bytes(n))
			equal(crypt.aes_gcm_decrypt(key, nonce, sealed), nil)
			equal(crypt.aes_gcm_decrypt(key, nonce,
				crypt.xor_str(sealed, "\1" .. ("\0"):rep(n + 15)), "head"), nil)
			equal(crypt.aes_gcm_decrypt(key, nonce, sealed:sub(1, -2), "head"), nil)
		end
		equal(crypt.aes_gcm_decrypt(key, nonce, "short"), nil)
		raises("a key has 32 bytes", crypt.aes_gcm_encrypt, "key", nonce, "")
		raises("a nonce has 12 bytes", crypt.aes_gcm_decrypt, key, "nonce", "")
	end },
	{ "ours: random bytes, equal", function()
		equal(#crypt.randombytes(0), 0)
		equal(#crypt.randombytes(65536), 65536)
		assert(crypt.randombytes(16) ~= crypt.randombytes(16))
		raises("0 to 65536 bytes", crypt.randombytes, -1)
		raises("0 to 65536 bytes", crypt.randombytes, 65537)
		equal(crypt.equal("", ""), true)
		equal(crypt.equal("secret", "secret"), true)
		equal(crypt.equal("secret", "secreT"), false)
		equal(crypt.equal("secret", "secret1"), false)
	end },
	{ "ours: RSA with OAEP, as openssl decrypts it", function()
		if not os.execute "command -v openssl >/dev/null" then
			return
		end
		local f = assert(io.popen "mktemp -d")
		local dir = f:read "l"
		f:close()
		assert(os.execute(("cd %s && openssl genrsa -out key 2048 2>/dev/null "
			.. "&& openssl rsa -in key -pubout -out pub 2>/dev/null"):format(dir)))
		local pem = assert(io.open(dir .. "/pub")):read "a"
		local code = assert(io.open(dir .. "/code", "wb"))
		code:write(crypt.rsa_oaep_encrypt(pem, "a password\0"))
		code:close()
		f = assert(io.popen(("cd %s && openssl pkeyutl -decrypt -inkey key "
			.. "-pkeyopt rsa_padding_mode:oaep -in code"):format(dir)))
		local text = f:read "a"
		f:close()
		os.execute("rm -r " .. dir)
		equal(text, "a password\0")
		raises("cannot encrypt with this key", crypt.rsa_oaep_encrypt, pem, ("x"):rep(300))
		raises("no public key in PEM", crypt.rsa_oaep_encrypt, "pem", "x")
	end },
}
