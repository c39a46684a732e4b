-- bson: a document of a game (nested documents, an array of them, an object id, a date) encoded and
-- decoded.
local skynet = require "skynet"
local bson = require "bson"
local B = require "lib_bench"

B.start(function()
	local bag = {}
	for k = 1, 10 do bag[k] = { id = k, count = k * 7, name = "item" .. k } end
	local player = { _id = bson.objectid(), name = "player one", level = 17, gold = 1 << 40,
		alive = true, rate = 0.25, seen = bson.date(1700000000),
		pos = { x = 1.5, y = -2.5, z = 1000.25 }, bag = bag }
	local document = bson.encode(player)
	assert(#document:decode().bag == 10)
	local n = 100000
	local t = B.now()
	for _ = 1, n do bson.encode(player) end
	B.report("bson.encode", n / (B.now() - t), "ops/s")
	t = B.now()
	for _ = 1, n do bson.decode(document) end
	B.report("bson.decode", n / (B.now() - t), "ops/s")
	skynet.error("bytes", #document)
end)
