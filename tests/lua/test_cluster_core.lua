-- SPDX-License-Identifier: MIT
-- skynet.cluster.core: how a request is cut. The whole of it, between nodes and byte by byte, is
-- in tests/cluster/skynet_cluster.
local core = require "skynet.cluster.core"
local answers = require "skynet.cluster.answers"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local PART = 0x8000

local function message(size)
	return (("0123456789abcdef"):rep(size // 16 + 1):sub(1, size))
end

local function parts_of(payload)
	local head, after, parts = core.packrequest("name", 7, payload)
	local body, sizes = {}, {}
	equal(after, 8)
	for i, part in ipairs(parts or {}) do
		-- u16 size, type, u32 session
		local size, kind, session = (">I2<B<I4"):unpack(part)
		equal(size, #part - 2)
		equal(session, 7)
		equal(kind, i < #parts and 2 or 3)
		body[i], sizes[i] = part:sub(8), size - 5
	end
	return head, table.concat(body), sizes
end

tap.run {
	{ "a request is cut into whole parts and a rest", function()
		for _, size in ipairs { PART, PART + 1, 2 * PART - 1, 2 * PART, 2 * PART + 1,
			5 * PART - 1 } do
			local payload = message(size)
			local _, body, sizes = parts_of(payload)
			assert(body == payload, size)
			equal(#sizes, (#payload + PART - 1) // PART)
			for i = 1, #sizes - 1 do equal(sizes[i], PART) end
		end
	end },
	{ "what is smaller than a part is one frame", function()
		local payload = message(PART - 1)
		local head, body, sizes = parts_of(payload)
		equal(#sizes, 0)
		equal(body, "")
		equal(head:sub(-#payload), payload)
	end },
	{ "small parts of an answer are not kept without end", function()
		local book = answers.new(10 * 1024)
		assert(book:take(1, "begin", 10000))
		assert(book:take(2, "begin", 10000))
		for i = 1, 10 do
			assert(book:take(i % 2 + 1, "more", "x"))
		end
		local ok, why, more = book:take(1, "more", "x")
		assert(not ok and not more)
		equal(why, "answers under way are too large")
		book:forget(1)
		assert(book:take(2, "more", ("x"):rep(3000)))
		book:forget(2)
		equal(book.bytes, 0)
	end },
	{ "an answer begins once", function()
		local book = answers.new()
		assert(book:take(1, "begin", 5))
		local ok, why = book:take(1, "begin", 5)
		assert(not ok)
		equal(why, "invalid answer")
	end },
	{ "a session is positive and comes round", function()
		raises("Invalid request session", core.packrequest, 1, 0, "x")
		raises("Invalid request session", core.packrequest, 1, 0x80000000, "x")
		equal(select(2, core.packrequest(1, 0x7fffffff, "x")), 1)
		equal(select(2, core.packrequest(1, 0x7ffffffe, "x")), 0x7fffffff)
	end },
}
