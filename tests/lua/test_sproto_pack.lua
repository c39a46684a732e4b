-- SPDX-License-Identifier: MIT
-- sproto's 0-packing.
local skynet = require "skynet"
local sproto = require "sproto"
local hex = require "hex"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local function padded(s)
	return s .. ("\0"):rep(-#s % 8)
end

local function both(plain, packed)
	equal(hex.of(sproto.pack(plain)), (packed:gsub("%s+", "")))
	equal(hex.of(sproto.unpack(hex.bytes(packed))), hex.of(padded(plain)))
end

tap.run {
	{ "groups with zeros", function()
		both("", "")
		both("abc", "07 616263")
		both("\0\0\0\0\0\0\0\0", "00")
		both("\0", "00")
		both(("\0"):rep(24), "00 00 00")
		both("\0\1\0\2\0\3\0\4", "aa 01020304")
		both("\0abcdefg", "fe 61626364656667")
	end },
	{ "runs of groups without", function()
		both(("a"):rep(8), "ff 00" .. ("61"):rep(8))
		both(("a"):rep(30), "ff 03" .. ("61"):rep(30) .. "0000")
		both("aaaaaaaa\0aaaaaaa\0\0aaaaaa\0\0\0aaaaa",
			"ff 02 6161616161616161 0061616161616161 0000616161616161 f8 6161616161")
		both("aaaaaaaa\0\0\0\0\0\0\0\0aaaaaaaa",
			"ff 00 6161616161616161 00 ff 00 6161616161616161")
	end },
	{ "a run is 256 groups at most", function()
		equal(sproto.pack(("a"):rep(8 * 256)), "\xff\xff" .. ("a"):rep(8 * 256))
		equal(sproto.pack(("a"):rep(8 * 257)),
			"\xff\xff" .. ("a"):rep(8 * 256) .. "\xff\0aaaaaaaa")
		equal(sproto.pack(("a"):rep(8 * 256) .. "aaaaaaa"),
			"\xff\xff" .. ("a"):rep(8 * 256) .. "\x7faaaaaaa")
		equal(sproto.unpack(sproto.pack(("a"):rep(100000))), ("a"):rep(100000))
	end },
	{ "streams that are cut off", function()
		for _, text in ipairs { "01", "ff", "ff00", "ff00 61616161616161",
			"ff01 6161616161616161", "07 6162", "00 80" } do
			raises("Invalid unpack stream", sproto.unpack, hex.bytes(text))
		end
	end },
	{ "from a pointer", function()
		local p, size = skynet.pack("pointer", 0)
		local plain = skynet.tostring(p, size)
		equal(sproto.pack(p, size), sproto.pack(plain))
		equal(sproto.pack(p, 0), "")
		raises("negative", sproto.pack, p, -1)
		raises("expected", sproto.pack, p)
		skynet.trash(p, size)
		raises("expected", sproto.pack)
		raises("expected", sproto.unpack, {})
	end },
	{ "any bytes come back", function()
		math.randomseed(7)
		for n = 1, 400 do
			local t, zeros = {}, math.random()
			for i = 1, n do
				t[i] = math.random() < zeros and "\0"
					or string.char(math.random(255))
			end
			local s = table.concat(t)
			equal(sproto.unpack(sproto.pack(s)), padded(s))
		end
	end },
}
