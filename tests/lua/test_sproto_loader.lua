-- SPDX-License-Identifier: MIT
-- sprotoloader and the slots that all services share.
local skynet = require "skynet"
require "skynet.manager"
local core = require "sproto.core"
local parser = require "sprotoparser"
local loader = require "sprotoloader"
local hex = require "hex"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local function file_of(text)
	local name = skynet.getenv "logpath" .. "/loader.sproto"
	local f <close> = assert(io.open(name, "w"))
	f:write(text)
	return name
end

tap.run {
	{ "slots 0 to 15, 0 unless told", function()
		raises("nil sproto at index 0", core.loadproto)
		raises("nil sproto at index 15", core.loadproto, 15)
		local schema = core.newproto(parser.parse ".A { x 0 : integer }")
		for _, slot in ipairs { 16, -1, 1 << 40 } do
			raises(("Invalid global slot index %d"):format(slot), core.loadproto, slot)
			raises(("Invalid global slot index %d"):format(slot), core.saveproto,
				schema, slot)
		end
		core.saveproto(schema)
		equal(core.loadproto(), schema)
		equal(core.loadproto(0), schema)
		core.saveproto(schema, 15)
		equal(core.loadproto(15), schema)
		raises("sproto expected", core.saveproto, nil, 1)
	end },
	{ "a saved schema is not deleted", function()
		local schema = core.loadproto()
		core.deleteproto(schema)
		core.saveproto(core.newproto(parser.parse ".B {}"))
		equal(hex.of(core.encode(core.querytype(schema, "A"), { x = 1 })), "01000400")
		equal(core.querytype(core.loadproto(), "A"), nil)
	end },
	{ "register, save, load", function()
		loader.register(file_of ".F {\n y 0 : integer\n}\n", 3)
		local sp = loader.load(3)
		equal(hex.of(sp:encode("F", { y = 2 })), "01000600")
		sp = nil
		collectgarbage()
		collectgarbage()
		equal(hex.of(loader.load(3):encode("F", { y = 2 })), "01000600")
		loader.save(parser.parse ".G {}", 4)
		equal(loader.load(4):exist_type "G", true)
		raises("nil sproto at index 5", loader.load, 5)
		raises("Invalid global slot index 16", loader.load, 16)
		raises("invalid sproto bundle", loader.save, "\0\0", 6)
		raises("No such file", loader.register, "/nowhere.sproto", 6)
		local name = file_of ".F {\n y 0 integer\n}\n"
		raises(("syntax error at [%s] line (2)"):format(name), loader.register, name, 6)
		raises("nil sproto at index 6", loader.load, 6)
	end },
	{ "other services use it, also while another one is saved", function()
		local text = ".W { n 0 : integer  text 1 : string }"
		loader.save(parser.parse(text), 7)
		local workers, left, good = {}, 6, true
		for i = 1, left do
			workers[i] = skynet.newservice "sproto_reader"
			skynet.call(workers[i], "lua", "load", 7)
		end
		equal(hex.of(skynet.call(workers[1], "lua", "encode", 7, "W", { n = 1 })),
			"01000400")
		for i, worker in ipairs(workers) do
			skynet.fork(function()
				good = skynet.call(worker, "lua", i % 2 == 0 and "work" or "reload",
					7, "W", 4000) and good
				left = left - 1
			end)
		end
		for i = 1, 200 do
			-- a type more each time: all tables lie elsewhere
			loader.save(parser.parse(text .. (" .X%d {}"):format(i)), 7)
			skynet.yield()
		end
		tap.until_true("the workers", function() return left == 0 end)
		equal(good, true)
		for _, worker in ipairs(workers) do
			skynet.kill(worker)
		end
	end },
}
