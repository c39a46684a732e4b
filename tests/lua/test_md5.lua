-- SPDX-License-Identifier: MIT
-- md5 and md5.core: the vectors of RFC 1321 and RFC 2104, the cipher there and back, bad arguments.
local md5 = require "md5"
local core = require "md5.core"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

tap.run {
	{ "the digests of RFC 1321", function()
		for text, sum in pairs {
			[""] = "d41d8cd98f00b204e9800998ecf8427e",
			["abc"] = "900150983cd24fb0d6963f7d28e17f72",
			["message digest"] = "f96b697d7cb7938d525a2f31aaf161d0",
			[("1234567890"):rep(8)] = "57edf4a22be3c955ac49da2e2107b67a",
		} do
			equal(md5.sumhexa(text), sum)
			equal(#md5.sum(text), 16)
		end
	end },
	{ "the keyed digest of RFC 2104", function()
		equal(md5.hmacmd5("what do ya want for nothing?", "Jefe"),
			"750c783e6ab0b503eaa86e310a5db738")
		equal(md5.hmacmd5("Hi There", ("\x0b"):rep(16)), "9294727a3638bb1c13f48ef8158bfc9d")
		equal(md5.hmacmd5("Test Using Larger Than Block-Size Key - Hash Key First",
			("\xaa"):rep(80)),
			"6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd")
	end },
	{ "the cipher there and back, whatever the length", function()
		equal(md5.crypt("hello", "key", "seed"), "\4seed\xc7\x80\x25\xb7\x4e")
		for n = 0, 50 do
			local text = ("x"):rep(n) .. n
			equal(md5.decrypt(md5.crypt(text, "a key"), "a key"), text)
			equal(md5.decrypt(md5.crypt(text, ("k"):rep(256), ("s"):rep(n % 17)),
				("k"):rep(256)), text)
		end
		assert(md5.decrypt(md5.crypt("text", "a key"), "another") ~= "text")
	end },
	{ "bad arguments are refused", function()
		raises("lengths must be equal", md5.exor, "a", "ab")
		raises("key too long", md5.crypt, "text", ("k"):rep(257))
		raises("seed too long", md5.crypt, "text", "key", ("s"):rep(17))
		raises("invalid cyphered string", md5.decrypt, "", "key")
		raises("invalid cyphered string", md5.decrypt, "\17", "key")
		raises("invalid cyphered string", md5.decrypt, "\4abc", "key")
		raises("string expected", md5.sum)
	end },
	{ "md5 is md5.core with two functions more", function()
		equal(md5, core)
		for _, name in ipairs { "_VERSION", "_DESCRIPTION", "_COPYRIGHT" } do
			equal(type(md5[name]), "string")
		end
	end },
}
