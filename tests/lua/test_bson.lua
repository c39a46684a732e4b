-- SPDX-License-Identifier: MIT
-- bson: the bytes of every type, what is no document, values and their parts, documents whose
-- fields are replaced, random values there and back, random bytes.
local bson = require "bson"
local tap = require "tap"
local hex = require "hex"
local help = require "bson_bytes"
local equal, raises, decode, same = tap.equal, tap.raises, help.decode, help.same

-- The document with this one element.
local function one(element)
	local raw = hex.bytes(element)
	return string.pack("<I4", #raw + 5) .. raw .. "\0"
end

-- The key a with this value is this element, and comes back as `back` (as it went, unless given).
local function value(v, element, back)
	local b = bson.encode { a = v }
	equal(hex.of(tostring(b)), hex.of(one(element)))
	equal(#b, #one(element))
	if back == nil then
		back = v
	end
	for _, t in ipairs { b:decode(), bson.decode(b), (decode(one(element))) } do
		assert(same(t, { a = back }), tostring(t.a))
	end
end

local function parts(v, ...)
	local got, wanted = table.pack(bson.type(v)), table.pack(...)
	equal(got.n, wanted.n)
	for i = 1, got.n do
		equal(got[i], wanted[i])
	end
end

local function bad(element, text)
	raises(text or "Invalid bson block", decode, one(element))
end

tap.run {
	{ "numbers, booleans, texts", function()
		value(1, "10 6100 01000000")
		value(-1, "10 6100 ffffffff")
		value(0x7fffffff, "10 6100 ffffff7f")
		value(-0x80000000, "10 6100 00000080")
		value(0x80000000, "12 6100 0000008000000000")
		value(-0x80000001, "12 6100 ffffff7fffffffff")
		value(math.mininteger, "12 6100 0000000000000080")
		value(1.5, "01 6100 000000000000f83f")
		value(-0.0, "01 6100 0000000000000080")
		value(3.0, "01 6100 0000000000000840")
		value(0 / 0, "01 6100 " .. hex.of(string.pack("<d", 0 / 0)))
		value(true, "08 6100 01")
		value(false, "08 6100 00")
		value("", "02 6100 01000000 00")
		value("hé", "02 6100 04000000 68c3a9 00")
		value("\0", "02 6100 02000000 00 00")
		value("a\0b", "02 6100 04000000 610062 00")
		value(("x"):rep(5000), "02 6100 89130000" .. ("78"):rep(5000) .. "00")
	end },
	{ "tables: documents, arrays, an empty one, within one another", function()
		value({ 1, 2 }, "04 6100 13000000 10 3000 01000000 10 3100 02000000 00")
		value({}, "03 6100 05000000 00")
		value({ b = { 1 } }, "03 6100 14000000 04 6200 0c000000 10 3000 01000000 00 00")
		value({ {} }, "04 6100 0d000000 03 3000 05000000 00 00")
		local long = {}
		for i = 1, 1234 do long[i] = i end
		local b = bson.encode { a = long }
		assert(same(b:decode().a, long))
		for _, i in ipairs { 0, 9, 10, 99, 100, 999, 1000, 1233 } do
			local item = "\x10" .. i .. "\0" .. string.pack("<I4", i + 1)
			assert(tostring(b):find(item, 1, true), i)
		end
		equal(tostring(bson.encode {}), "\5\0\0\0\0")
	end },
	{ "values that Lua has no type for", function()
		value(bson.binary "hi", "05 6100 02000000 00 6869")
		value(bson.binary("hi", 128), "05 6100 02000000 80 6869")
		value(bson.binary "", "05 6100 00000000 00")
		value(bson.date(100), "09 6100 a086010000000000")
		value(bson.date(0xffffffff), "09 6100 18fcffffe7030000")
		value(bson.timestamp(100, 7), "11 6100 07000000 64000000")
		value(bson.null, "0a 6100")
		value(bson.minkey, "ff 6100")
		value(bson.maxkey, "7f 6100")
		value(bson.regex("a.*", "im"), "0b 6100 612e2a00 696d00")
		value(bson.regex "", "0b 6100 00 00")
		value(bson.int64(5), "12 6100 0500000000000000", 5)
		value(bson.objectid "0123456789abcdef01234567",
			"07 6100 0123456789abcdef01234567")
		value("\0\13\4\0\0\0x()\0", "0d 6100 04000000 78282900")
		value("\0\14\2\0\0\0x\0", "0e 6100 02000000 7800")
		value("\0\19" .. ("d"):rep(16), "13 6100" .. ("64"):rep(16))
	end },
	{ "what type says", function()
		parts(nil, "nil")
		parts(1, "number", 1)
		parts(1.5, "number", 1.5)
		parts(true, "boolean", true)
		parts("text", "string", "text")
		parts("\0", "string", "\0")
		parts("", "string", "")
		local t = {}
		parts(t, "table", t)
		parts(bson.null, "nil")
		parts(bson.minkey, "minkey")
		parts(bson.maxkey, "maxkey")
		parts(bson.binary("hi", 4), "binary", "hi", 4)
		parts(bson.objectid "0123456789ABCDEF01234567", "objectid",
			"0123456789abcdef01234567")
		parts(bson.date(100), "date", 100)
		parts(bson.regex("a", "i"), "regex", "a", "i")
		parts(bson.int64(-5), "int64", -5)
		parts(bson.timestamp(100, 7), "timestamp", 100, 7)
		parts("\0\13\2\0\0\0x\0", "unsupported", "\2\0\0\0x\0")
		parts("\0\19" .. ("d"):rep(16), "decimal128", ("d"):rep(16))
		raises("Invalid type function", bson.type, print)
		raises("Invalid type userdata", bson.type, bson.encode {})
		raises("Invalid bson type : 3", bson.type, "\0\3")
		raises("Invalid bson string of type 7", bson.type, "\0\7abc")
		raises("Invalid bson string of type 9", bson.type, "\0\9abc")
		raises("Invalid bson string of type 5", bson.type, "\0\5")
	end },
	{ "object ids and timestamps of our own", function()
		local seen, last = {}, nil
		for _ = 1, 1000 do
			local id = bson.objectid()
			equal(#id, 14)
			assert(not seen[id])
			seen[id] = true
			local _, text = bson.type(id)
			local seconds = tonumber(text:sub(1, 8), 16)
			assert(math.abs(seconds - os.time()) < 100)
			if last then
				equal(text:sub(9, 18), last:sub(9, 18))
				equal(tonumber(text:sub(19), 16),
					(tonumber(last:sub(19), 16) + 1) & 0xffffff)
			end
			last = text
		end
		local _, seconds, first = bson.type(bson.timestamp(5))
		local _, _, second = bson.type(bson.timestamp(5))
		equal(seconds, 5)
		equal(second, first + 1)
		raises("Invalid objectid xyz", bson.objectid, "xyz")
		raises("Invalid objectid 0123456789abcdef0123456g", bson.objectid,
			"0123456789abcdef0123456g")
	end },
	{ "dates: seconds, as in skynet; all and milliseconds for who wants that", function()
		local function ms(n)
			return (decode(one("09 6100" .. hex.of(string.pack("<i8", n))))).a
		end
		equal(ms(1500), bson.date(1))
		equal(ms(0xffffffff * 1000 + 999), bson.date(0xffffffff))
		parts(ms(-1), "date", -1, -1)
		parts(ms(1 << 50), "date", (1 << 50) // 1000, 1 << 50)
		parts(ms(math.mininteger), "date", math.mininteger // 1000, math.mininteger)
		value(bson.date(1.5), "09 6100 dc05000000000000", bson.date(1))
		value(bson.date(-1), "09 6100 18fcffffffffffff")
		bson.exactdate(true)
		value(bson.date(1.5), "09 6100 dc05000000000000")
		parts(bson.date(1.5), "date", 1, 1500)
		equal(string.unpack("<I4", bson.date(77.5), 3), 77)
		equal(ms(1000), bson.date(1))
		bson.exactdate(false)
		raises("no date so far away", bson.date, 1e300)
		raises("no date so far away", bson.date, math.maxinteger)
	end },
	{ "keys keep their order in encode_order, and pairs is asked", function()
		local b = bson.encode_order("z", 1, "a", bson.encode { b = true })
		equal(hex.of(tostring(b)), "18000000107a0001000000036100090000000862000100"
			.. "00")
		equal(tostring(bson.encode_order()), "\5\0\0\0\0")
		raises("Invalid ordered dict", bson.encode_order, "a")
		raises("Invalid key type : boolean", bson.encode_order, true, 1)
		raises("Bson dictionary's key can't be number", bson.encode_order, 1, 1)
		raises("Invalid value type : nil", bson.encode_order, "a", nil)
		local proxy = setmetatable({}, { __pairs = function()
			local keys, i = { "x", "b" }, 0
			return function()
				i = i + 1
				return keys[i], i
			end
		end })
		equal(tostring(bson.encode(proxy)), tostring(bson.encode_order("x", 1, "b", 2)))
		equal(tostring(bson.encode { a = proxy }),
			tostring(bson.encode { a = bson.encode_order("x", 1, "b", 2) }))
		local list = setmetatable({}, { __len = function() return 3 end,
			__index = function(_, i) return i * 10 end })
		equal(tostring(bson.encode { a = list }),
			tostring(bson.encode { a = { 10, 20, 30 } }))
		local none = setmetatable({}, { __len = function() return 0 end })
		equal(hex.of(tostring(bson.encode { a = none })), hex.of(one "04 6100 0500000000"))
	end },
	{ "documents are values, by pointer too", function()
		local inner = bson.encode { x = 1 }
		local pointer = bson.to_lightuserdata(inner)
		local wanted = tostring(bson.encode { a = { x = 1 } })
		equal(tostring(bson.encode { a = inner }), wanted)
		equal(tostring(bson.encode { a = pointer }), wanted)
		equal(bson.decode(pointer).x, 1)
		equal(select("#", bson.decode "text"), 0)
		equal(select("#", bson.decode(nil)), 0)
		equal(select("#", bson.decode(io.stdout)), 0)
	end },
	{ "what cannot be encoded", function()
		local function refused(text, t)
			raises(text, bson.encode, t)
		end
		refused("Bson array has a hole (nil), Use bson.null instead", { a = { 1, nil, 3 } })
		refused("Bson dictionary's key can't be number", { a = { x = 1, [7] = 2 } })
		refused("Bson dictionary's key can't be number", { 1, 2 })
		refused("Invalid key type : boolean", { [true] = 1 })
		refused("Invalid value type : function (key 'f')", { a = { f = print } })
		refused("Invalid value type : userdata", { f = io.stdout })
		refused("Invalid value type : thread", { f = coroutine.create(print) })
		refused("Invalid utf8 string", { a = "\xff" })
		refused("Invalid utf8 string", { a = "\xed\xa0\x80" })
		refused("Invalid utf8 string", { a = "12345678\xc0\x80" })
		refused("a key cannot hold a zero byte: 'x'", { ["x\0y"] = 1 })
		refused("Invalid bson type : 1", { a = "\0\1abcdefgh" })
		refused("Invalid bson type : 6", { a = "\0\6" })
		for _, s in ipairs { "\0\7abc", "\0\9abc", "\0\5", "\0\11a", "\0\11a\0b", "\0\10x",
			"\0\17abc", "\0\18abcdefghi", "\0\13\5\0\0\0x\0", "\0\15\0\0\0\0",
			"\0\5\2\4\0\0\0a" } do
			refused("Invalid bson string of type " .. s:byte(2), { a = s })
		end
		raises("table expected", bson.encode, 1)
		local deep = {}
		for _ = 1, 128 do deep = { a = deep } end
		local b = bson.encode(deep)
		assert(same(b:decode(), deep))
		refused("Too depth while encoding bson", { a = deep })
		deep.a.a.a = deep
		refused("Too depth while encoding bson", deep)
		local forged = setmetatable({}, { __pairs = function()
			return function() error "in pairs" end
		end })
		refused("in pairs", { a = forged })
	end },
	{ "bytes that are no document", function()
		raises("Invalid bson block", decode, "\5\0\0\0\1")
		bad "10 6100 010000"
		bad "10 61"
		bad "02 6100 00000000"
		bad "02 6100 02000000 78 78"
		bad "02 6100 ffffffff 00"
		bad "02 6100 09000000 78 00"
		bad "03 6100 04000000 00"
		bad "03 6100 06000000 00"
		bad "03 6100 05000000 01"
		bad "05 6100 ffffffff 00"
		bad "05 6100 02000000 02 0000"
		bad "08 6100 02"
		bad "0b 6100 61 00 62"
		bad "0f 6100 05000000 00"
		bad "0f 6100 14000000 02000000 7800 0a000000 06 6100 0000 00"
		bad("06 6100", "Invalid bson type : 6")
		bad("14 6100", "Invalid bson type : 20")
		bad("80 6100", "Invalid bson type : 128")
		local deep = "\5\0\0\0\0"
		for _ = 1, 129 do
			deep = string.pack("<I4", #deep + 8) .. "\3a\0" .. deep .. "\0"
		end
		raises("Invalid bson block: deeper than 128", decode, deep)
	end },
	{ "arrays whose keys are wrong keep their items", function()
		assert(same(decode(one "04 6100 13000000 10 3000 01000000 10 3500 02000000 00").a,
			{ 1, [6] = 2 }))
		assert(same(decode(one "04 6100 13000000 10 3000 01000000 10 3000 02000000 00").a,
			{ 1, 2 }))
		assert(same(decode(one "04 6100 12000000 10 00 01000000 10 7800 02000000 00").a,
			{ 1, 2 }))
	end },
	{ "fields are replaced in place", function()
		local id = bson.objectid()
		local b = bson.encode { d = 1.0, b = false, i = 1, l = bson.int64(1),
			t = bson.date(1), s = bson.timestamp(1, 1),
			o = bson.objectid(), x = "text" }
		raises("call makeindex first", function() b.d = 1 end)
		equal(b:makeindex(), b)
		equal(b:makeindex(), b)
		b.d, b.b, b.i, b.l, b.t, b.s, b.o = 2.5, true, -7, 1 << 40, bson.date(9),
			bson.timestamp(5, 6), id
		assert(same(b:decode(), { d = 2.5, b = true, i = -7, l = 1 << 40, t = bson.date(9),
			s = bson.timestamp(5, 6), o = id, x = "text" }))
		b.t, b.l = 77, bson.int64(8)
		equal(b:decode().t, bson.date(77))
		equal(b:decode().l, 8)
		raises("Can't replace key : y", function() b.y = 1 end)
		raises("Can't replace type 2", function() b.x = "other" end)
		raises("2147483648 must be a 32bit integer ", function() b.i = 1 << 31 end)
		raises("1.5 must be a 32bit integer ", function() b.i = 1.5 end)
		raises("a value of bson type 7 belongs here", function() b.o = bson.null end)
		raises("Invalid bson string of type 7", function() b.o = "\0\7x" end)
		equal(b.nothing, nil)
	end },
	{ "random values there and back", function()
		for _ = 1, 2000 do
			local t = { a = help.random_value(3), b = help.random_value(3) }
			bson.exactdate(true)
			local b = bson.encode(t)
			assert(same(b:decode(), t))
			assert(same(decode(tostring(b)), t))
			bson.exactdate(false)
		end
	end },
	{ "random bytes: a table or an error of ours, never more than is there", function()
		local good, broken = 0, 0
		for _ = 1, 5000 do
			local raw = tostring(bson.encode { a = help.random_value(2) })
			for _ = 1, math.random(3) do
				local at = math.random(5, #raw)
				raw = raw:sub(1, at - 1) .. string.char(math.random(0, 255))
					.. raw:sub(at + 1)
			end
			local ok, why = pcall(decode, raw)
			if ok then
				good = good + 1
			else
				broken = broken + 1
				assert(why:find "Invalid bson", why)
			end
		end
		assert(good > 100 and broken > 100)
	end },
}
