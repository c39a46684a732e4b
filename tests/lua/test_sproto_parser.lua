-- SPDX-License-Identifier: MIT
-- sprotoparser: the schema language, the bundle's bytes and all errors.
local parser = require "sprotoparser"
local core = require "sproto.core"
local sproto = require "sproto"
local hex = require "hex"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

-- Bundles are messages of this schema.
local meta = sproto.parse [[
.type {
	.field {
		name 0 : string
		buildin 1 : integer
		type 2 : integer
		tag 3 : integer
		array 4 : boolean
		key 5 : integer
		map 6 : boolean
	}
	name 0 : string
	fields 1 : *field
}
.protocol {
	name 0 : string
	tag 1 : integer
	request 2 : integer
	response 3 : integer
	confirm 4 : boolean
}
.group {
	type 0 : *type
	protocol 1 : *protocol
}
]]

local function group(text)
	return (meta:decode("group", parser.parse(text)))
end

local function shown(t, ...)
	local words = {}
	for _, name in ipairs { ... } do
		if t[name] ~= nil then
			words[#words + 1] = name .. "=" .. tostring(t[name])
		end
	end
	return table.concat(words, " ")
end

-- What the bundle says of the first field of type A.
local function field(text)
	for _, t in ipairs(group(".A { " .. text
		.. " } .B { k 3 : integer  v 1 : string }").type) do
		if t.name == "A" then
			return shown(t.fields[1], "buildin", "type", "tag", "array", "key", "map")
		end
	end
end

local function protocol(text)
	return shown(group(".T {} " .. text).protocol[1], "name", "tag", "request", "response",
		"confirm")
end

local function wrong(text, message)
	raises(message, parser.parse, text)
end

local function syntax(text, line)
	wrong(text, ("syntax error at [=text] line (%d)"):format(line))
end

tap.run {
	{ "bytes", function()
		local function bundle(text, wanted)
			equal(hex.of(parser.parse(text)), (wanted:gsub("%s+", "")))
		end
		bundle(".A { x 0 : integer }",
			"0100 0000 26000000 22000000 0200 0000 0000 01000000 41 13000000 0f000000 "
			.. "0400 0000 0200 0100 0200 01000000 78")
		bundle("", "0000")
		bundle(".A {}", "0100 0000 0d000000 09000000 0100 0000 01000000 41")
		bundle(".A {} p 1 { response nil }",
			"0200 0000 0000 0d000000 09000000 0100 0000 01000000 41 " ..
			"15000000 11000000 0500 0000 0400 0100 0100 0400 01000000 70")
	end },
	{ "the bundle of the bundles' schema describes itself", function()
		local names = {}
		local types = group [[.b { x 0 : integer } .a { .c {} y 3 : b } p 2 {} o 1 {}]].type
		for i, t in ipairs(types) do
			names[i] = t.name
		end
		equal(table.concat(names, " "), "a a.c b")
		local order = {}
		for i, p in ipairs(group [[.a {} p 2 {} o 1 {}]].protocol) do
			order[i] = p.name .. p.tag
		end
		equal(table.concat(order, " "), "o1 p2")
	end },
	{ "fields", function()
		equal(field "x 0 : integer", "buildin=0 tag=0")
		equal(field "x 1 : boolean", "buildin=1 tag=1")
		equal(field "x 0 : string", "buildin=2 tag=0")
		equal(field "x 0 : binary", "buildin=2 type=1 tag=0")
		equal(field "x 0 : double", "buildin=3 tag=0")
		equal(field "x 0 : integer(2)", "buildin=0 type=2 tag=0")
		equal(field "x 0 : integer( 0 )", "buildin=0 type=0 tag=0")
		equal(field "x 32766 : *integer", "buildin=0 tag=32766 array=true")
		equal(field "x 0 : A", "type=0 tag=0")
		equal(field "x 0 : *B", "type=1 tag=0 array=true")
		equal(field "x 0 : *B(k)", "type=1 tag=0 array=true key=3")
		equal(field "x 0 : *B( v )", "type=1 tag=0 array=true key=1")
		equal(field "x 0 : *B()", "type=1 tag=0 array=true key=1 map=true")
		equal(field "x 0 : *B( )", "type=1 tag=0 array=true key=1 map=true")
		equal(field "x 0 : B(k)", "type=1 tag=0")     -- ignored
		equal(field "x 0 : B(nothing)", "type=1 tag=0")
		equal(field "b 5 : integer a 2 : string", "buildin=2 tag=2") -- by tag
	end },
	{ "protocols", function()
		equal(protocol "p 1 {}", "name=p tag=1")
		equal(protocol "p 1 { request T }", "name=p tag=1 request=0")
		equal(protocol "p 1 { response T }", "name=p tag=1 response=0")
		equal(protocol "p 1 { request T response T }", "name=p tag=1 request=0 response=0")
		equal(protocol "p 1 { response nil request T }",
			"name=p tag=1 request=0 confirm=true")
		equal(protocol "p 1 { request nil }", "name=p tag=1")
		equal(protocol "p 1 { request { a 0 : T } response {} }",
			"name=p tag=1 request=1 response=2")
		equal(protocol ".T2 { .T3 {} } p 1 { request T2.T3 }", "name=p tag=1 request=2")
	end },
	{ "blanks and comments", function()
		local long = ".A{\r\n\tx 0:integer # a comment\n# another } \n"
			.. "  y\t1 : string}\n\n#last"
		equal(#group(long).type[1].fields, 2)
		equal(#group(".A{ .B{ x 0 : integer(2) } b 0 : *B(x) b2 1 : B } .C{}").type, 3)
		equal(#group("p#c\n1#c\n{#c\nrequest#c\n{#c\n}#c\n}").type, 1)
	end },
	{ "a type's name is looked for from inside out", function()
		local function type_of(text, name)
			local g = group(text)
			for _, t in ipairs(g.type) do
				if t.name == name then
					return g.type[t.fields[1].type + 1].name
				end
			end
		end
		local text = ".X {} .A { .X {} .B { .X {} a 0 : X } b 0 : X .D { d 0 : X } } "
			.. ".C { c 0 : X } "
		equal(type_of(text, "A.B"), "A.B.X")
		equal(type_of(text, "A"), "A.X")
		equal(type_of(text, "A.D"), "A.X")
		equal(type_of(text, "C"), "X")
		equal(type_of(".A { .B { .C {} } b 0 : B.C }", "A"), "A.B.C")
		equal(type_of(".A { b 0 : later } .later {}", "A"), "later")
		equal(type_of("p 1 { request { .T {} t 0 : T } }", "p.request"), "p.request.T")
	end },
	{ "syntax errors tell the line", function()
		syntax("x", 1)
		syntax("\n\n.A { x 0 integer }", 3)
		syntax(".A {\n x 0 : integer", 2)
		syntax(".A {\n x 0 : integer(2\n}", 3)
		syntax(".A {\n x 0 :\n\n}", 4)
		syntax(".A {\n x0 : integer }", 2)
		syntax(".A {\n 0x 0 : integer }", 2)
		syntax(".A {}.B {}", 1)
		syntax(".A { x 0 : integer(2)y 1 : string }", 1)
		syntax(".A { x -1 : integer }", 1)
		syntax(". A {}", 1)
		syntax(".A.B {}", 1)
		syntax(".A { x 0 : *A.}", 1)
		syntax(".A {\r x 0 : integer }", 1) -- no line end by itself
		syntax("p 1 {\n\nquery A }", 3)
		syntax("p 1 { request}", 1)
		syntax("p {}", 1)
		syntax(".A { p 1 { request {} } }", 1)
		syntax(".A {} }", 1)
		syntax("# only\n;", 2)
		raises("syntax error at [my.sproto] line (2)", parser.parse, ".A {}\n?",
			"my.sproto")
	end },
	{ "what is there twice", function()
		wrong(".A { x 0 : integer x 1 : string }", "redefine x in type A")
		wrong(".A { x 3 : integer y 3 : string }", "redefine tag 3 in type A")
		wrong(".A {} .A {}", "redefined A")
		wrong(".A { .B {} .B {} }", "redefined A.B")
		wrong(".A { .B { x 0 : integer x 1 : string } }", "redefine x in type A.B")
		wrong("p 1 {} p 2 {}", "redefined p")
		wrong("p 1 {} q 1 {}", "redefined protocol tag 1 at q")
		wrong(".A {} p 1 { request A request A }", "redefine request in protocol p")
		wrong(".A {} p 1 { response A request A response nil }",
			"redefine response in protocol p")
		equal(#group(".p {} p 1 {}").type, 1) -- types and protocols have names of their own
	end },
	{ "what is not there", function()
		wrong(".A { x 0 : B }", "Undefined type B in type A")
		wrong(".A { .C { x 0 : *X.Y } }", "Undefined type X.Y in type A.C")
		wrong(".A {} p 1 { request B }", "Undefined request type B in protocol p")
		wrong(".A {} p 1 { response B }", "Undefined response type B in protocol p")
		-- full names only
		wrong(".A { .B {} } p 1 { request B }", "Undefined request type B in protocol p")
		wrong(".A {} p 1 { request integer }",
			"Undefined request type integer in protocol p")
	end },
	{ "maps", function()
		wrong(".A { x 0 : *B(k) } .B { v 0 : integer }", "Invalid map index :k")
		wrong(".A { x 0 : *B(b) } .B { b 0 : B }", "Invalid map index :b")
		wrong(".A { x 0 : *integer(k) }", "Invalid map index :k")
		wrong(".A { m 0 : *B() } .B { v 0 : integer }",
			"Invalid map definition: m, must only have two fields")
		wrong(".A { m 0 : *B() } .B {}",
			"Invalid map definition: m, must only have two fields")
		wrong(".A { m 0 : *B() } .B { a 0 : integer b 1 : integer c 2 : integer }",
			"Invalid map definition: m, must only have two fields")
	end },
	{ "numbers that are too large; a schema of protocols only", function()
		wrong(".A { x 32767 : integer }", "tag 32767 of x in type A is larger than 32766")
		wrong(".A { x 99999999999999999999 : integer }", "is larger than 32766")
		wrong("p 32767 {}", "tag 32767 of protocol p is larger than 32766")
		wrong(".A { x 0 : integer(19) }", "Invalid decimals (19) of x in type A")
		wrong(".A { x 0 : string(1) }", "Invalid decimals (1) of x in type A")
		wrong("p 1 {}", "a schema with protocols needs a type")
		raises("a schema is a string", parser.parse, nil)
	end },
	{ "many types, many fields, deep ones", function()
		local text = {}
		for i = 1, 500 do
			text[i] = (".T%d { a %d : *T%d  b %d : integer }"):format(i, i, i % 500 + 1,
				i + 60)
		end
		local sp = sproto.parse(table.concat(text, "\n"))
		local t = { b = 1 }
		equal(sp:decode("T500", sp:encode("T500", { a = { t } })).a[1].b, 1)
		text = {}
		for i = 0, 32766 do
			text[#text + 1] = ("f%d %d : integer"):format(i, i)
		end
		sp = sproto.parse(".Wide { " .. table.concat(text, "\n") .. "}")
		t = { f0 = 1, f16383 = 2, f32766 = 3 }
		local got = sp:decode("Wide", sp:encode("Wide", t))
		equal(got.f0 + got.f16383 + got.f32766, 6)
		sp = sproto.parse((".D { "):rep(100) .. "x 0 : integer" .. (" }"):rep(100))
		equal(sp:exist_type("D" .. (".D"):rep(99)), true)
	end },
	{ "bundles that the loader refuses", function()
		local function refused(g)
			equal(core.newproto(meta:encode("group", g)), nil)
		end
		local function one(f)
			refused { type = { { name = "A", fields = { f } } } }
		end
		core.deleteproto(core.newproto(meta:encode("group",
			{ type = { { name = "A",
			fields = { { name = "x", buildin = 0, tag = 0 } } } } })))
		one { name = "x", buildin = 4, tag = 0 }
		one { name = "x", type = 1, tag = 0 }
		one { name = "x", tag = 0 }
		one { name = "x", buildin = 0 }
		one { buildin = 0, tag = 0 }
		one { name = "", buildin = 0, tag = 0 }
		one { name = "a\0b", buildin = 0, tag = 0 }
		one { name = "x", buildin = 0, tag = 40000 }
		one { name = "x", buildin = 0, tag = -1 }
		one { name = "x", buildin = 0, type = 19, tag = 0 }
		one { name = "x", type = 0, tag = 0, array = true, key = 5 }
		one { name = "x", type = 0, tag = 0, array = true, map = true }
		one { name = "x", buildin = 0, tag = 0, array = true, key = 0 }
		refused { type = { { fields = {} } } }
		refused { type = { { name = "A",
			fields = { { name = "x", buildin = 0, tag = 1 },
			{ name = "y", buildin = 0, tag = 1 } } } } }
		refused { type = { { name = "A",
			fields = { { name = "x", buildin = 0, tag = 2 },
			{ name = "y", buildin = 0, tag = 1 } } } } }
		refused {}
		refused { type = {} }
		refused { protocol = { { name = "p", tag = 1 } } }
		refused { type = { { name = "A" } },
			protocol = { { name = "p", tag = 1, request = 1 } } }
		refused { type = { { name = "A" } },
			protocol = { { name = "p", tag = 1, response = 7 } } }
		refused { type = { { name = "A" } }, protocol = { { name = "p" } } }
		refused { type = { { name = "A" } }, protocol = { { tag = 1 } } }
		refused { type = { { name = "A" } },
			protocol = { { name = "p", tag = 2 }, { name = "q", tag = 2 } } }
		local whole = parser.parse(".A { x 0 : *B(k) } .B { k 0 : integer v 1 : *string } "
			.. "p 1 { request A }")
		for n = 0, #whole - 1 do
			equal(core.newproto(whole:sub(1, n)), nil)
		end
	end },
	{ "dump", function()
		local lines, real = {}, print
		print = function(s) lines[#lines + 1] = s end
		local ok, why = pcall(parser.dump, "\0\1\xfe" .. ("x"):rep(14))
		print = real
		assert(ok, why)
		equal(#lines, 2)
		equal(lines[1], "00 01 FE" .. (" 78"):rep(13))
		equal(lines[2], "78")
	end },
}
