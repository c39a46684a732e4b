-- SPDX-License-Identifier: MIT
-- skynet.sharemap.
local skynet = require "skynet"
require "skynet.manager"
local sharemap = require "skynet.sharemap"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local function register(text)
	local name = skynet.getenv "logpath" .. "/sharemap.sproto"
	local f = assert(io.open(name, "w"))
	f:write(text)
	f:close()
	sharemap.register(name)
end

tap.run {
	{ "nothing without a schema", function()
		raises("nil sproto at index 0", sharemap.writer, "state")
		raises("No such file", sharemap.register, "/nowhere.sproto")
	end },
	{ "a writer and a reader", function()
		register [[
.state {
	n 0 : integer
	text 1 : string
	list 2 : *integer
	sub 3 : state
}]]
		local w = sharemap.writer("state", { n = 1, list = { 1, 2 } })
		equal(w.n, 1)
		local r = sharemap.reader("state", w:copy())
		equal(r.n, 1)
		equal(r.list[2], 2)
		equal(r.text, nil)
		equal(r:update(), false)
		w.n = 2
		w.text = "new"
		w.list[3] = 3
		equal(w.n, 2)
		equal(r:update(), false) -- not before the commit
		equal(r.n, 1)
		w:commit()
		equal(r.n, 1)            -- not before the update
		equal(r:update(), true)
		equal(r:update(), false)
		equal(r.n, 2)
		equal(r.text, "new")
		equal(#r.list, 3)
		w.text = nil
		w:commit()
		w.n = 3
		w:commit()
		equal(r:update(), true)
		equal(r.n, 3)
		equal(r.text, nil)
	end },
	{ "a table of the caller's own, or none", function()
		local mine = { n = 4 }
		local w = sharemap.writer("state", mine)
		mine.sub = { n = 5 }
		w:commit()
		local r = sharemap.reader("state", w:copy())
		equal(r.sub.n, 5)
		w = sharemap.writer "state"
		r = sharemap.reader("state", w:copy())
		equal(next(r), nil)
		local keys = {}
		w.n, w.text = 1, "x"
		for k, v in pairs(w) do
			keys[#keys + 1] = k .. "=" .. v
		end
		table.sort(keys)
		equal(table.concat(keys, " "), "n=1 text=x")
	end },
	{ "what is refused", function()
		local w = sharemap.writer("state", { n = 1 })
		local r = sharemap.reader("state", w:copy())
		raises("cannot be written", function() r.n = 2 end)
		raises("cannot be written", function() r.other = 2 end)
		equal(r.n, 1)
		w.n = "x"
		raises(".n[0] is not an integer (Is a string)", w.commit, w)
		equal(r:update(), false)
		w.n = 7
		w:commit()
		equal(r:update(), true)
		raises("type not found", sharemap.writer, "nope")
		raises("type not found", sharemap.reader, "nope", w:copy())
		raises("expected", sharemap.reader, "state", "no pointer")
	end },
	{ "when the writer is gone its last version stays", function()
		local w = sharemap.writer("state", { n = 9 })
		local r = sharemap.reader("state", w:copy())
		w = nil
		collectgarbage()
		collectgarbage()
		equal(r:update(), false)
		equal(r.n, 9)
	end },
	{ "a reader in another service", function()
		local w = sharemap.writer("state", { n = 1, text = "one" })
		local s = skynet.newservice "sproto_reader"
		skynet.call(s, "lua", "open", "state", w:copy())
		equal(skynet.call(s, "lua", "get", "text"), "one")
		w.text = "two"
		w:commit()
		equal(skynet.call(s, "lua", "update"), true)
		equal(skynet.call(s, "lua", "update"), false)
		local all = skynet.call(s, "lua", "all")
		equal(all.n, 1)
		equal(all.text, "two")
		local ok, why = skynet.call(s, "lua", "set", "n", 3)
		equal(ok, false)
		assert(why:find("cannot be written", 1, true), why)
		skynet.kill(s)
	end },
	{ "many readers follow", function()
		local w = sharemap.writer("state", { n = 0, text = "" })
		local left, good = 4, true
		for _ = 1, left do
			local s = skynet.newservice "sproto_reader"
			skynet.call(s, "lua", "open", "state", w:copy())
			skynet.fork(function()
				good = skynet.call(s, "lua", "follow", 5000) and good
				skynet.kill(s)
				left = left - 1
			end)
		end
		for n = 1, 5000 do
			w.n, w.text = n, ("x"):rep(n % 50)
			w:commit()
			if n % 50 == 0 then
				skynet.yield()
			end
		end
		tap.until_true("the readers", function() return left == 0 end)
		equal(good, true)
	end },
}
