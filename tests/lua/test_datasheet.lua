-- SPDX-License-Identifier: MIT
-- skynet.datasheet and its builder. The reader's checks:
-- tests/fuzz/fuzz_datasheet.c.
local skynet = require "skynet"
require "skynet.manager"
local builder = require "skynet.datasheet.builder"
local datasheet = require "skynet.datasheet"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local function updated(name, t)
	builder.update(name, t)
	tap.until_true("the update",
		function() return datasheet.query(name).version == t.version end)
end

tap.run {
	{ "the compiled format, byte for byte", function()
		equal(builder.compile {}, ("<I4I4I4I4I4"):pack(20, 1, 0, 0, 0))
		equal(builder.compile { 1, -2, 0.5, true, "s" },
			("<I4I4I4"):pack(12 + 8 + 8 + 20, 1, 0) .. ("<I4I4"):pack(5, 0)
				.. "\1\1\2\3\5\0\0\0"
			.. ("<i4i4fI4I4"):pack(1, -2, 0.5, 1, 0) .. "s\0")
		equal(builder.compile { key = { "x", "key" } },
			("<I4I4I4I4"):pack(16 + 20 + 20, 2, 0, 20)
			.. ("<I4I4"):pack(0, 1) .. "\4\0\0\0" .. ("<I4I4"):pack(0, 1)
			.. ("<I4I4"):pack(2, 0) .. "\5\5\0\0" .. ("<I4I4"):pack(4, 0)
			.. "key\0x\0")
	end },
	{ "new, query: all types", function()
		builder.new("all", { version = 1, int = -5, big = 1 << 31, float = 0.1, yes = true,
			no = false, text = "t",
			list = { 1, 2, { deep = "er" } } })
		local t = datasheet.query "all"
		assert(rawequal(t, datasheet.query "all"))
		equal(t.int, -5)
		equal(t.big, 2.0 ^ 31)
		equal(math.type(t.big), "float")
		equal(t.float, (("<f"):unpack(("<f"):pack(0.1))))
		equal(t.yes, true)
		equal(t.no, false)
		equal(t.text, "t")
		equal(#t.list, 3)
		equal(t.list[3].deep, "er")
		local n = 0
		for _ in pairs(t) do n = n + 1 end
		equal(n, 8)
		equal(t.missing, nil)
	end },
	{ "pairs and # fill a table, too; then it is an ordinary one", function()
		builder.new("lazy", { a = { x = 1 }, b = { 1, 2 }, c = {} })
		local t = datasheet.query "lazy"
		for k, v in pairs(t.a) do equal(k .. v, "x1") end
		equal(#t.b, 2)
		t.c.new = 1
		t.a.x = 5
		equal(t.a.x, 5)
		equal(rawget(t.c, "new"), 1)
		equal(getmetatable(t.a), nil)
	end },
	{ "compiled bytes may be given; what is none is refused", function()
		builder.new("bytes", builder.compile { n = 7 })
		equal(datasheet.query "bytes".n, 7)
		raises("Invalid datasheet", builder.new, "bad", "xx")
		raises("Invalid datasheet", builder.update, "bytes",
			builder.compile({ 1, { 2 } }):sub(1, -3))
		equal(datasheet.query "bytes".n, 7)
	end },
	{ "what cannot be compiled; a name twice", function()
		raises("already", builder.new, "all", {})
		raises("Invalid key", builder.compile, { [3] = 1 })
		raises("Invalid key", builder.compile, { [1.5] = 1 })
		raises("Invalid key", builder.compile, { [true] = 1 })
		raises("NUL", builder.compile, { "a\0b" })
		raises("function", builder.compile, { print })
		raises("table", builder.compile, 5)
		local loop = {}
		loop.loop = loop
		raises("nested", builder.compile, loop)
	end },
	{ "an unknown name raises, also when it exists later", function()
		raises("not there", datasheet.query, "later")
		builder.new("later", { 1 })
		raises("not there", datasheet.query, "later")
	end },
	{ "update: the same tables show the new content", function()
		builder.new("u", { version = 1, a = { x = 1, sub = { 1 } }, b = { y = 1 },
			untouched = { z = 1 } })
		local t = datasheet.query "u"
		local a, sub, b, untouched = t.a, t.a.sub, t.b, t.untouched
		equal(a.x + sub[1] + b.y, 3)
		t.own = "lost"
		updated("u", { version = 2, a = { x = 2, sub = { 2, 2 } }, b = "text",
			untouched = { z = 2 } })
		equal(a.x, 2)
		equal(#sub, 2)
		assert(rawequal(t.a, a) and rawequal(a.sub, sub))
		equal(untouched.z, 2)
		equal(t.b, "text")
		equal(t.own, nil)
		raises("Invalid proxy (index = ", function() return b.y end)
		raises("Invalid proxy (index = ", function() b.y = 1 end)
		updated("u", { version = 3, b = { y = 3 } })
		equal(t.b.y, 3)
		raises("Invalid proxy", function() return sub[1] end)
	end },
	{ "other services follow", function()
		local s = skynet.newservice "datasheet_reader"
		builder.new("shared", { version = 1 })
		equal(skynet.call(s, "lua", "shared", "version"), 1)
		builder.update("shared", { version = 2 })
		tap.until_true("it", function() return skynet.call(s, "lua", "shared",
			"version") == 2 end)
		skynet.kill(s)
	end },
	{ "random sheets come back", function()
		local function random(depth)
			local kind = math.random(depth > 0 and 5 or 4)
			if kind == 1 then return math.random(-1000, 1000) end
			if kind == 2 then return math.random(100) / 4 end
			if kind == 3 then return math.random(2) == 1 end
			if kind == 4 then return ("s"):rep(math.random(0, 9)) end
			local t = {}
			for i = 1, math.random(0, 6) do t[i] = random(depth - 1) end
			for _ = 1, math.random(0,
				6) do t["k" .. math.random(99)] = random(depth - 1) end
			return t
		end
		local function same(a, b)
			if type(a) ~= "table" then return a == b end
			for k, v in pairs(a) do
				if not same(v, b[k]) then return false end
			end
			for k in pairs(b) do
				if a[k] == nil then return false end
			end
			return #a == #b
		end
		builder.new("random", { version = 0 })
		for seed = 1, 100 do
			math.randomseed(seed)
			local t = { version = seed, random(4), x = random(5), y = { random(4) } }
			updated("random", t)
			if not same(t, datasheet.query "random") then
				error("seed " .. seed)
			end
		end
	end },
}
