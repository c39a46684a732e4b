-- SPDX-License-Identifier: MIT
-- sproto: the wire format, byte by byte, with all errors of encoding and decoding, and sproto.core.
-- The schema language: test_sproto_parser; calls: test_sproto_rpc; slots: test_sproto_loader.
local skynet = require "skynet"
local sproto = require "sproto"
local core = require "sproto.core"
local stm = require "skynet.stm"
local hex = require "hex"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local sp = sproto.parse [[
.N { id 0 : integer  v 1 : string }
.M {
	i 0 : integer
	b 1 : boolean
	s 2 : string
	d 3 : double
	dec 5 : integer(2)
	ia 6 : *integer
	ba 7 : *boolean
	sa 8 : *string
	na 10 : *N
	mm 12 : *N()
	n 13 : N
}
.More {
	bin 0 : binary
	da 1 : *double
	deca 2 : *integer(3)
	keyed 3 : *N(id)
	named 4 : *N(v)
	reals 5 : *Real(d)
	bins 6 : *binary
	last 32766 : boolean
}
.Real { d 0 : double }
.Tree { left 0 : Tree  right 1 : Tree  all 2 : *Tree }
.Empty {}
.E { e 0 : Empty }
]]

local function encoded(t, wanted, name)
	equal(hex.of(sp:encode(name or "M", t)), (wanted:gsub("%s+", "")))
end

local function same(a, b, path)
	path = path or ""
	equal(math.type(a) or type(a), math.type(b) or type(b))
	if type(a) ~= "table" then
		if a ~= b then
			error(("%s: got %s, wanted %s"):format(path, a, b), 0)
		end
		return
	end
	for k in pairs(a) do
		assert(b[k] ~= nil, path .. "." .. tostring(k) .. " is too many")
	end
	for k, v in pairs(b) do
		same(a[k], v, path .. "." .. tostring(k))
	end
end

-- Encodes to the bytes, which decode to the table, or to `back`.
local function both(t, wanted, name, back)
	encoded(t, wanted, name)
	local bytes = hex.bytes(wanted)
	local got, used = sp:decode(name or "M", bytes)
	same(got, back or t)
	equal(used, #bytes)
end

local function broken(text, name)
	raises("decode error", sp.decode, sp, name or "M", hex.bytes(text))
end

tap.run {
	{ "integers: inline, 4 bytes, 8 bytes", function()
		both({}, "0000")
		both({ i = 0 }, "0100 0200")
		both({ i = 32766 }, "0100 feff")
		both({ i = 32767 }, "0100 0000 04000000 ff7f0000")
		both({ i = -1 }, "0100 0000 04000000 ffffffff")
		both({ i = 0x7fffffff }, "0100 0000 04000000 ffffff7f")
		both({ i = -0x80000000 }, "0100 0000 04000000 00000080")
		both({ i = 0x80000000 }, "0100 0000 08000000 0000008000000000")
		both({ i = -0x80000001 }, "0100 0000 08000000 ffffff7fffffffff")
		both({ i = math.maxinteger }, "0100 0000 08000000 ffffffffffffff7f")
		both({ i = math.mininteger }, "0100 0000 08000000 0000000000000080")
	end },
	{ "integers: what may stand for one", function()
		encoded({ i = 7.0 }, "0100 1000")
		encoded({ i = "7" }, "0100 1000")
		encoded({ i = "0x10" }, "0100 2200")
		raises("M.i[0] is not an integer (Is a string)", sp.encode, sp, "M",
			{ i = "seven" })
		raises("M.i[0] is not an integer (Is a number)", sp.encode, sp, "M", { i = 7.5 })
		raises("M.i[0] is not an integer (Is a boolean)", sp.encode, sp, "M", { i = false })
		raises("M.i[0] is not an integer (Is a table)", sp.encode, sp, "M", { i = {} })
		raises("M.ia[2] is not an integer (Is a string)", sp.encode, sp, "M",
			{ ia = { 1, "x" } })
	end },
	{ "booleans, strings, binaries", function()
		both({ b = true }, "0200 0100 0400")
		both({ b = false }, "0200 0100 0200")
		both({ s = "hi" }, "0200 0300 0000 02000000 6869")
		both({ s = "" }, "0200 0300 0000 00000000")
		both({ bin = "\0\xff" }, "0100 0000 02000000 00ff", "More")
		raises("M.b[0] is not a boolean (Is a number)", sp.encode, sp, "M", { b = 1 })
		raises("M.ba[1] is not a boolean (Is a string)", sp.encode, sp, "M",
			{ ba = { "true" } })
		raises("M.s[0] is not a string (Is a number)", sp.encode, sp, "M", { s = 12 })
		raises("M.sa[3] is not a string (Is a number)", sp.encode, sp, "M",
			{ sa = { "a", "b", 12 } })
	end },
	{ "doubles and decimals", function()
		both({ d = 1.5 }, "0200 0500 0000 08000000 000000000000f83f")
		both({ d = 0.0 }, "0200 0500 0000 08000000 0000000000000000")
		both({ d = math.huge }, "0200 0500 0000 08000000 000000000000f07f")
		both({ dec = 1.82 }, "0200 0900 6e01")
		both({ dec = -0.5 }, "0200 0900 0000 04000000 ceffffff")
		both({ dec = 3 }, "0200 0900 5a02", "M", { dec = 3.0 })
		both({ dec = 30000000000 }, "0200 0900 0000 08000000 0030ef7dba020000", "M",
			{ dec = 3e10 })
		encoded({ dec = 0.125 }, "0200 0900 1c00") -- halves go away from 0
		encoded({ dec = -0.125 }, "0200 0900 0000 04000000 f3ffffff")
		encoded({ dec = "1.5" }, "0200 0900 2e01")
		encoded({ dec = {} }, "0200 0900 0200")
		encoded({ d = "1.5" }, "0200 0500 0000 08000000 000000000000f83f")
		encoded({ d = "x" }, "0200 0500 0000 08000000 0000000000000000")
		encoded({ d = 1 }, "0200 0500 0000 08000000 000000000000f03f")
		for _, v in ipairs { 1e30, -1e30, math.huge, 0 / 0 } do
			raises("M.dec[0] is out of range", sp.encode, sp, "M", { dec = v })
		end
	end },
	{ "arrays of numbers", function()
		both({ ia = {} }, "0200 0b00 0000 00000000")
		both({ ia = { 1, -1 } }, "0200 0b00 0000 09000000 04 01000000 ffffffff")
		both({ ia = { 1, 1 << 40, -1 } },
			"0200 0b00 0000 19000000 08 "
			.. "0100000000000000 0000000000010000 ffffffffffffffff")
		both({ ia = { 1 << 40, 1 } },
			"0200 0b00 0000 11000000 08 0000000000010000 0100000000000000")
		both({ ia = { -2, 3, 1 << 31 } },
			"0200 0b00 0000 19000000 08 "
			.. "feffffffffffffff 0300000000000000 0000008000000000")
		both({ da = { 1.5, -0.5 } },
			"0200 0100 0000 11000000 08 000000000000f83f 000000000000e0bf", "More")
		both({ da = {} }, "0200 0100 0000 00000000", "More")
		both({ deca = { 0.001, 2.5 } }, "0200 0300 0000 09000000 04 01000000 c4090000",
			"More")
		same(sp:decode("M", hex.bytes "0200 0b00 0000 01000000 04"), { ia = {} })
		same(sp:decode("M", hex.bytes "0200 0b00 0000 01000000 08"), { ia = {} })
	end },
	{ "long arrays grow, and turn to 8 bytes at any place", function()
		for _, n in ipairs { 500, 5000 } do
			for _, wide in ipairs { 1, n // 2, n } do
				local t = {}
				for i = 1, n do
					t[i] = i == wide and 1 << 50 or -i
				end
				local bytes = sp:encode("M", { ia = t })
				equal(#bytes, 6 + 4 + 1 + n * 8)
				same(sp:decode("M", bytes), { ia = t })
			end
		end
	end },
	{ "arrays of the others; a hole ends one", function()
		both({ ba = { true, false } }, "0200 0d00 0000 02000000 0100")
		both({ ba = {} }, "0200 0d00 0000 00000000")
		both({ sa = { "a", "" } }, "0200 0f00 0000 09000000 01000000 61 00000000")
		both({ na = { { id = 1, v = "x" }, {} } },
			"0200 1300 0000 15000000 0b000000 0200 0400 0000 01000000 78 02000000 0000")
		both({ bins = { "\0" } }, "0200 0b00 0000 05000000 01000000 00", "More")
		encoded({ sa = { "a", nil, "b" } }, "0200 0f00 0000 05000000 01000000 61")
	end },
	{ "maps", function()
		both({ mm = { [7] = "z" } },
			"0200 1700 0000 0f000000 0b000000 0200 1000 0000 01000000 7a")
		both({ mm = {} }, "0200 1700 0000 00000000")
		both({ keyed = { [7] = { id = 7, v = "z" } } },
			"0200 0500 0000 0f000000 0b000000 0200 1000 0000 01000000 7a", "More")
		local t = { mm = {}, }
		for i = 1, 100 do
			t.mm[i * 3] = ("v"):rep(i)
		end
		same(sp:decode("M", sp:encode("M", t)), t)
		local named = { named = { a = { id = 1, v = "a" }, b = { v = "b" } } }
		same(sp:decode("More", sp:encode("More", named)), named)
		-- the keys of the Lua table are not looked at
		same(sp:decode("More", sp:encode("More",
			{ keyed = { { id = 8 }, x = { id = 9 } } })),
			{ keyed = { [8] = { id = 8 }, [9] = { id = 9 } } })
	end },
	{ "maps without what they need", function()
		raises("Can't find main index (tag=0) in [keyed]", sp.decode, sp, "More",
			sp:encode("More", { keyed = { {} } }))
		raises("Can't find main index (tag=1) in [named]", sp.decode, sp, "More",
			sp:encode("More", { named = { { id = 1 } } }))
		raises("Can't find key field in [mm]", sp.decode, sp, "M",
			hex.bytes "0200 1700 0000 06000000 02000000 0000")
		raises("Can't find value field in [mm]", sp.decode, sp, "M",
			hex.bytes "0200 1700 0000 08000000 04000000 0100 1000")
		raises("decode error", sp.decode, sp, "More",
			sp:encode("More", { reals = { { d = 0 / 0 } } }))
	end },
	{ "structs in structs", function()
		both({ n = {} }, "0200 1900 0000 02000000 0000")
		both({ n = { id = 3 } }, "0200 1900 0000 04000000 0100 0800")
		both({ e = {} }, "0100 0000 02000000 0000", "E")
		both({ last = true }, "0200 fbff 0400", "More")
		raises("M.n[0] is not a table (Is a number)", sp.encode, sp, "M", { n = 1 })
		raises("M.na[1] is not a table (Is a string)", sp.encode, sp, "M", { na = { "x" } })
		raises("M.na(1) should be a table or an userdata with metamethods (Is a number)",
			sp.encode, sp, "M", { na = 1 })
		raises("M.sa(1) should be a table or an userdata with metamethods (Is a string)",
			sp.encode, sp, "M", { sa = "x" })
		raises("M.mm(1) should be a table or an userdata with metamethods (Is a boolean)",
			sp.encode, sp, "M", { mm = true })
		raises("M.ia(1) should be a table or an userdata with metamethods (Is a userdata)",
			sp.encode, sp, "M",
			{ ia = sp.__cobj })
	end },
	{ "maps: any key of the declared type comes back; an error names the type of the entry",
		function()
		local maps = sproto.parse [[
			.pair { id 0 : integer  word 1 : string }
			.named { name 0 : string  n 1 : integer }
			.point { x 0 : integer }
			.points { id 0 : integer  s 1 : point }
			.yes { b 0 : boolean  n 1 : integer }
			.item { id 0 : integer  n 1 : integer  tags 2 : *string }
			.all {
				m 0 : *pair()  s 1 : *named()  t 2 : *points()
				i 3 : *item(id)  b 4 : *yes()
			}
			.gap { a 1 : integer  m 5 : *pair()  z 9 : string } ]]
		local function back(name, value, wanted)
			same(maps:decode(name, maps:encode(name, value)), wanted or value)
			same(maps:pdecode(name, maps:pencode(name, value)), wanted or value)
		end
		back("all", { m = { "10", "10", "10", "10", [100] = "10" } })
		back("all", { m = { [-1] = "neg", [0] = "zero", [1 << 40] = "big",
			[math.mininteger] = "min" } })
		back("all", { m = {}, s = {}, t = {}, i = {} })
		back("all", { s = { alice = 1, [""] = 2, ["\0nul"] = 3 } })
		back("all", { t = { [5] = { x = 5 }, [6] = {} } })
		back("all", { i = { { id = 7, n = 1 }, { id = 3, tags = { "a", "" } } } },
			{ i = { [7] = { id = 7, n = 1 }, [3] = { id = 3, tags = { "a", "" } } } })
		back("all", { b = { [true] = 1, [false] = 0 } })
		back("gap", { m = { [3] = "c" }, z = "" })
		back("gap", { a = 0 })
		raises("pair.id[0] is not an integer (Is a string)", maps.encode, maps, "all",
			{ m = { x = "string key" } })
		raises("pair.id[0] is not an integer (Is a number)", maps.encode, maps, "all",
			{ m = { [1.5] = "float" } })
		raises("all.m(1) should be a table", maps.encode, maps, "all", { m = "no table" })
		raises("pair.word[0] is not a string (Is a number)", maps.encode, maps, "all",
			{ m = { 5 } })
		raises("Can't find main index (tag=0) in [i]", maps.decode, maps, "all",
			maps:encode("all", { i = { { n = 1 } } }))
	end },
	{ "all fields at once come back", function()
		local t = { i = 1, b = true, s = "s", d = 0.25, dec = 1.25, ia = { 1, 2 },
			ba = { true }, sa = { "x", "y" },
			na = { { id = 1 }, { v = "q" } }, mm = { [1] = "one", [-5] = "five" },
				n = { id = 1, v = "v" } }
		same(sp:decode("M", sp:encode("M", t)), t)
	end },
	{ "metamethods: fields, elements, pairs", function()
		local ghost = setmetatable({}, { __index = { i = 5, s = "g" } })
		encoded(ghost, "0300 0c00 0100 0000 01000000 67")
		local list = setmetatable({},
			{ __index = function(_, i) return i <= 3 and i * 10 or nil end })
		encoded({ ia = list }, "0200 0b00 0000 0d000000 04 0a000000 14000000 1e000000")
		local map = setmetatable({}, { __pairs = function()
			return function(_, k) k = (k or 0) + 1 if k <= 2 then return k,
				"v" .. k end end
		end })
		same(sp:decode("M", sp:encode("M", { mm = map })), { mm = { "v1", "v2" } })
		raises("boom", sp.encode, sp, "M",
			setmetatable({}, { __index = function() error "boom" end }))
		-- an encode inside an encode
		local inner = setmetatable({},
			{ __index = function(_, k) return k == "s" and sp:encode("M", { i = 1 })
			or nil end })
		encoded(inner, "0200 0300 0000 04000000 0100 0400")
	end },
	{ "64 structs in each other, not more", function()
		local function nest(n)
			local t = {}
			for _ = 2, n do
				t = { left = t }
			end
			return t
		end
		local bytes = sp:encode("Tree", nest(64))
		same(sp:decode("Tree", bytes), nest(64))
		raises("The table is too deep", sp.encode, sp, "Tree", nest(65))
		raises("The table is too deep", sp.decode, sp, "Tree",
			("<I2I2s4"):pack(1, 0, bytes))
		local loop = {}
		loop.all = { loop }
		raises("The table is too deep", sp.encode, sp, "Tree", loop)
	end },
	{ "16 MiB, not more", function()
		local most = 16777216 - 8
		local bytes = sp:encode("More", { bin = ("x"):rep(most) })
		equal(#bytes, 16777216)
		equal(#sp:decode("More", bytes).bin, most)
		raises("object is too large (>16777216)", sp.encode, sp, "More",
			{ bin = ("x"):rep(most + 1) })
		raises("object is too large (>16777216)", sp.encode, sp, "More",
			{ bin = ("x"):rep(40 * 1024 * 1024) })
		local part = ("x"):rep(1024 * 1024)
		raises("object is too large (>16777216)", sp.encode, sp, "M",
			{ sa = setmetatable({}, { __index = function() return part end }) })
		raises("object is too large (>16777216)", sp.encode, sp, "M",
			{ ba = setmetatable({}, { __index = function() return true end }) })
	end },
	{ "what comes behind is left; unknown tags are skipped", function()
		local t, used = sp:decode("M", hex.bytes "0100 0400 ffffff")
		equal(t.i, 1)
		equal(used, 4)
		t, used = sp:decode("N",
			hex.bytes("0600 0400 0000 0000 0800 0300 0200  "
				.. "01000000 78 02000000 ffff 99"))
		same(t, { id = 1, v = "x" })
		equal(used, 14 + 5 + 6)
		t = sp:decode("Empty", hex.bytes "0300 ffff ffff 0200")
		equal(next(t), nil)
	end },
	{ "broken bytes", function()
		broken ""
		broken "01"
		broken "0100"
		broken "0200 0400"
		broken "0100 0000"                      -- no block
		broken "0100 0000 040000"
		broken "0100 0000 04000000 000000"
		broken "0100 0000 ffffffff 00000000"
		broken "0100 0000 03000000 000000"      -- an integer of 3 bytes
		broken "0200 0100 0000 01000000 01"     -- a boolean that is no inline value
		broken "0200 0300 0400"                 -- a string that is
		broken "0200 0500 0400"                 -- a double
		broken "0200 0500 0000 04000000 00000000"
		broken "0200 0b00 0400"                 -- an array
		broken "0200 0d00 0400"
		broken "0200 0b00 0000 02000000 0400"   -- elements that do not fill it
		broken "0200 0b00 0000 05000000 0500000000"
		broken "0200 0b00 0000 01000000 07"
		broken "0200 0f00 0000 03000000 000000"
		broken "0200 0f00 0000 04000000 01000000"
		broken "0200 1300 0000 04000000 00000000" -- a struct of no bytes
		broken "0200 1300 0000 06000000 02000000 0100"
		broken "0200 1900 0000 00000000"
		broken "0200 1900 0000 03000000 000000"   -- a struct that does not fill its block
		broken("0200 0100 0000 05000000 04 00000000", "More") -- doubles of 4 bytes
		broken("ffff" .. ("0100"):rep(100), "More")
	end },
	{ "every cut of a message is refused or is a shorter one", function()
		local bytes = sp:encode("M",
			{ i = 70000, s = "text", ia = { 1, 2 }, na = { { id = 1 }, { v = "x" } },
			n = { id = 5 } })
		for n = 0, #bytes - 1 do
			raises("decode error", sp.decode, sp, "M", bytes:sub(1, n))
		end
	end },
	{ "into a table of one's own, from a pointer", function()
		local t = { i = 1, keep = "me" }
		local got, used = sp:decode("M", hex.bytes "0200 0800 0400", t)
		equal(got, t)
		equal(used, 6)
		equal(t.i, 3)
		equal(t.b, true)
		equal(t.keep, "me")
		local cell = stm.new(sp:encode("M", { s = "from a pointer" }))
		stm.newcopy(stm.copy(cell))(function(p, size)
			equal(sp:decode("M", p, size).s, "from a pointer")
			t, used = sp:decode("M", p, size, t)
			equal(used, size)
			equal(t.s, "from a pointer")
			equal(t.keep, "me")
		end)
		local p, size = skynet.pack(1, 2)
		raises("negative", sp.decode, sp, "M", p, -1)
		raises("expected", sp.decode, sp, "M", p)
		skynet.trash(p, size)
	end },
	{ "pencode and pdecode", function()
		local t = { i = 1, s = "hello", n = { id = 9 } }
		local bytes = sp:pencode("M", t)
		equal(bytes, sproto.pack(sp:encode("M", t)))
		local got, used = sp:pdecode("M", bytes)
		same(got, t)
		equal(used, #sp:encode("M", t))
		local into = {}
		equal((sp:pdecode("M", bytes, into)), into)
		equal(into.s, "hello")
		raises("Invalid unpack stream", sp.pdecode, sp, "M", "\xff")
	end },
	{ "types that are not there", function()
		for _, f in ipairs { "encode", "decode", "pencode", "pdecode" } do
			raises("type not found", sp[f], sp, "Nope", f:find "en" and {} or "\0\0")
		end
		raises("type not found", sp.default, sp, "Nope")
		equal(sp:exist_type "M", true)
		equal(sp:exist_type "Nope", false)
		raises("table expected", sp.encode, sp, "M", nil)
		raises("table expected", sp.encode, sp, "M", 1)
	end },
	{ "default values", function()
		same(sp:default "M", { i = 0, b = false, s = "", d = 0.0, dec = 0.0,
			ia = { __array = 0 }, ba = { __array = false },
			sa = { __array = "" }, na = { __array = "N" }, mm = { __array = "N" },
				n = { __type = "N" } })
		same(sp:default "More", { bin = "", da = { __array = 0.0 },
			deca = { __array = 0.0 }, keyed = { __array = "N" },
			named = { __array = "N" }, reals = { __array = "Real" },
				bins = { __array = "" }, last = false })
		equal(next(sp:default "Empty"), nil)
	end },
	{ "an object ends its schema; a borrower does not", function()
		local cobj = core.newproto(require "sprotoparser".parse ".A { a 0 : integer }")
		local a, b = sproto.sharenew(cobj), sproto.sharenew(cobj)
		a = nil
		collectgarbage()
		collectgarbage()
		equal(hex.of(b:encode("A", { a = 1 })), "01000400")
		core.deleteproto(cobj)
		for _ = 1, 100 do
			sproto.parse ".A { a 0 : *A }"
		end
		collectgarbage()
		raises("invalid sproto bundle", sproto.new, "\0\0")
		raises("invalid sproto bundle", sproto.new, "nonsense")
		raises("invalid sproto bundle", sproto.new, "")
	end },
	{ "core: types of nil and NULL", function()
		equal(core.encode(nil, nil), "")
		equal(core.encode(nil), "")
		raises("nil expected", core.encode, nil, {})
		equal(select("#", core.decode(nil, "\0\0")), 0)
		equal(select("#", core.default(nil)), 0)
		equal(select("#", core.querytype(sp.__cobj, "Nope")), 0)
		equal(select("#", core.newproto "\0\0"), 0)
		raises("sproto expected", core.querytype, "x", "M")
		raises("sproto expected", core.querytype, core.querytype(sp.__cobj, "M"), "M")
		raises("sproto type expected", core.encode, sp.__cobj, {})
		raises("sproto type expected", core.decode, {}, "")
		core.deleteproto(nil)
	end },
}
