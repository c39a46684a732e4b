-- SPDX-License-Identifier: MIT
-- Values as JSON, for harborctl. What the writer does with single texts and numbers:
-- tests/unit/core/base/test_json.c.
local json = require "skynet.consolejson"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises
local text, object, array = json.text, json.object, json.array

local function nested(n)
	local t = 0
	for _ = 1, n do
		t = { t }
	end
	return t
end

tap.run {
	{ "every kind of value has a JSON form", function()
		equal(text(nil), "null")
		equal(text(false), "false")
		equal(text(math.mininteger), "-9223372036854775808")
		equal(text(1.5), "1.5")
		equal(text(2.0), "2")
		equal(text(1 / 0), "null")
		equal(text(0 / 0), "null")
		equal(text "a\"\\\n\0\xff", [["a\"\\\n\u0000\u00ff"]])
		equal(text(print), "null")
	end },
	{ "tables are arrays, or objects", function()
		equal(text {}, "{}")
		equal(text { 1, 2 }, "[1,2]")
		equal(text { 1, nil, 3 }, "[1,null,3]")
		equal(text { a = 1 }, '{"a":1}')
		equal(text { 7, n = 1 }, '{"1":7,"n":1}')
		equal(text { { { 0 } }, true }, "[[[0]],true]")
		equal(text { [9] = 0 }, '{"9":0}')
		equal(text { [true] = 0 }, '{"true":0}')
		equal(text { [1.5] = 0 }, '{"1.5":0}')
		equal(text { [{}] = 0 }, '{"table":0}')
		equal(text { [""] = {} }, '{"":{}}')
	end },
	{ "members of an object keep their order, nils too", function()
		equal(text(object()), "{}")
		equal(text(object("z", 1, "a", nil, "m", { 2 }, "b", nil)),
			'{"z":1,"a":null,"m":[2],"b":null}')
		equal(text { object("k", object("k", "v")) }, '[{"k":{"k":"v"}}]')
	end },
	{ "a list is one when it is empty, and has its nils", function()
		equal(text(array {}), "[]")
		equal(text(array { 1 }), "[1]")
		equal(text(array(table.pack(nil, 1, nil))), "[null,1,null]")
		raises("table expected", array, 1)
	end },
	{ "long keys and many items", function()
		local t = {}
		for i = 1, 1000 do
			t[i] = i
		end
		equal(text(t), "[" .. table.concat(t, ",") .. "]")
		local key = ("k"):rep(5000)
		equal(text { [key] = key }, ('{"%s":"%s"}'):format(key, key))
	end },
	{ "what is too deep is refused, what a message can hold is not", function()
		equal(text(nested(32)), ("["):rep(32) .. "0" .. ("]"):rep(32))
		raises("nested more than", text, nested(41))
		local circle = {}
		circle[1] = circle
		raises("nested more than", text, circle)
		circle[1] = nil
		circle.x = circle
		raises("nested more than", text, circle)
	end },
}
