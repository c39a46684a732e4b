-- SPDX-License-Identifier: MIT
-- Values on their way between services; the bytes themselves:
-- tests/unit/lua/host/test_seri.c.
local skynet = require "skynet"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local callee = function() return skynet.newservice "callee" end

local function same(a, b)
	if type(a) ~= "table" or type(b) ~= "table" then
		return a == b and math.type(a) == math.type(b)
	end
	for k, v in pairs(a) do
		if not same(v, b[k]) then return false end
	end
	for k in pairs(b) do
		if a[k] == nil then return false end
	end
	return true
end

tap.run {
	{ "every kind of value comes back as it was", function()
		local s = callee()
		for _, v in ipairs { 0, 1, -1, 255, 256, 65535, 65536, 2^31 | 0, -(2^31) | 0,
			math.maxinteger, math.mininteger,
			0.0, 1.5, -1e300, math.huge, "", ("x"):rep(31), ("x"):rep(32),
				("\0"):rep(65535), ("y"):rep(65536),
			true, false, {}, { 1, 2, 3 },
				{ [-1] = "a", [1.5] = "b", [true] = { x = {} },
				y = { { { 1 } } } } } do
			assert(same(skynet.call(s, "lua", "echo", v), v), tostring(v))
		end
		local nan = skynet.call(s, "lua", "echo", 0/0)
		assert(nan ~= nan)
	end },
	{ "nils keep their places, at the end, too", function()
		local r = table.pack(skynet.call(callee(), "lua", "echo", nil, 1, nil, nil))
		equal(r.n, 4)
		equal(r[2], 1)
	end },
	{ "a large tree", function()
		local t = {}
		for i = 1, 2000 do t[i] = { id = i, name = "n" .. i, list = { i, i + 1 },
			pos = { x = i / 2 } } end
		assert(same(skynet.call(callee(), "lua", "echo", t), t))
	end },
	{ "shared tables are copied, loops refused", function()
		local s, shared = callee(), { 1 }
		local r = skynet.call(s, "lua", "echo", { shared, shared })
		assert(r[1] ~= r[2] and r[1][1] == r[2][1])
		shared.me = shared
		raises("serialize can't pack too depth table", skynet.send, s, "lua", "echo",
			shared)
	end },
	{ "metatables stay at home; __pairs decides, __index and __len do not", function()
		local t = setmetatable({ 1, 2, own = true },
			{ __index = { ghost = 1 }, __len = function() return 99 end })
		local r = skynet.call(callee(), "lua", "echo", t)
		equal(getmetatable(r), nil)
		equal(#r, 2)
		equal(r.ghost, nil)
		t = setmetatable({ 1 }, { __pairs = function() return next,
			{ a = 1, b = { 2 } } end })
		r = skynet.call(callee(), "lua", "echo", t)
		equal(r[1], nil)
		equal(r.b[1], 2)
	end },
	{ "__pairs that calls, sends or fails", function()
		local s = callee()
		local t = setmetatable({}, { __pairs = function()
			skynet.send(s, "lua", "echo", ("inner"):rep(1000))
			return next, { sent = skynet.packstring("nested", { 1 }) }
		end })
		equal((skynet.unpack(skynet.call(s, "lua", "echo", t).sent)), "nested")
		t = setmetatable({}, { __pairs = function() error "pairs broke" end })
		raises("pairs broke", skynet.send, s, "lua", "echo", ("x"):rep(10000), t)
		t = setmetatable({}, { __pairs = function() skynet.sleep(1) end })
		raises("yield", skynet.send, s, "lua", "echo", t)
		equal(skynet.call(s, "lua", "echo", "fine"), "fine")
	end },
	{ "a broken stream is an error with the bytes left", function()
		raises("Invalid serialize stream 0", skynet.unpack, "\x0a")
		raises("Invalid serialize stream", skynet.unpack, "\x07")
		raises("Invalid serialize stream", skynet.unpack, "\xfe\x22\xff\xff\xff\x7f")
		local s = skynet.packstring { 1, { 2 }, x = "y" }
		for i = 1, #s - 1 do raises("Invalid serialize stream", skynet.unpack,
			s:sub(1, i)) end
	end },
}
