-- SPDX-License-Identifier: MIT
-- skynet.sharetable: every function, what may be shared, what proxies do,
-- versions and their end.
local skynet = require "skynet"
require "skynet.manager"
local service = require "skynet.service"
local sharetable = require "skynet.sharetable"
local core = require "skynet.sharetable.core"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local function same(a, b, seen)
	if type(a) ~= "table" or type(b) ~= "table" then
		return a == b and math.type(a) == math.type(b)
	end
	for k, v in pairs(a) do
		if not same(v, b[k]) then return false end
	end
	for k in pairs(b) do
		if a[k] == nil then return false end
	end
	return #a == #b or not next(a)
end

local function random_value(depth)
	local kind = math.random(depth > 0 and 7 or 5)
	if kind == 1 then return math.random(0) end
	if kind == 2 then return math.random() * 1e6 end
	if kind == 3 then return math.random(2) == 1 end
	if kind == 4 then return ("x"):rep(math.random(0, 60)) .. math.random(100) end
	if kind == 5 then return math.random(-10, 10) end
	local t = {}
	for i = 1, math.random(0, 12) do t[i] = random_value(depth - 1) end
	for _ = 1, math.random(0, 12) do
		local key = random_value(0)
		if type(key) ~= "number" or math.type(key) ~= "integer" or key < 1 or key > 12 then
			t[key] = random_value(depth - 1)
		end
	end
	return t
end

local function reader()
	return skynet.newservice "shared_reader"
end

-- Lets go of everything and waits until no more than n versions exist.
local function versions_left(n)
	tap.until_true(n .. " versions", function()
		collectgarbage "collect"
		collectgarbage "collect"
		return core.count() <= n
	end)
	equal(core.count(), n)
end

tap.run {
	{ "loadtable, query: index, #, pairs, ipairs, next", function()
		local plain = { 1, 2.5, "three", { deep = { er = true } }, key = "value",
			[false] = 1, [2.5] = "f", [-7] = 7 }
		sharetable.loadtable("t", plain)
		local t = sharetable.query "t"
		equal(type(t), "table")
		assert(same(t, plain) and same(plain, t))
		equal(#t, 4)
		equal(t[1.0], 1)
		equal(t[0], nil)
		equal(t[5], nil)
		equal(t.missing, nil)
		equal(t[nil], nil)
		equal(t[{}], nil)
		equal(t[4].deep.er, true)
		assert(rawequal(t[4], t[4]))
		local list = {}
		for i, v in ipairs(t) do list[i] = v end
		equal(#list, 4)
		local n = 0
		for k, v in next, t do
			n = n + 1
			assert(rawequal(t[k], v))
		end
		equal(n, 8)
		equal(next(sharetable.query "t"[4].deep), "er")
		equal(rawget(t, "key"), "value")
		raises("invalid key", next, t, "missing")
		equal(sharetable.query "unknown", nil)
		raises("string", sharetable.query)
	end },
	{ "table.concat and table.unpack read through", function()
		sharetable.loadtable("list", { "a", "b", "c" })
		local t = sharetable.query "list"
		equal(table.concat(t, ","), "a,b,c")
		equal(select("#", table.unpack(t)), 3)
		equal(select(3, table.unpack(t)), "c")
		equal(select(2, table.unpack(table.move(t, 1, 3, 1, {}))), "b")
	end },
	{ "writes raise; metatables cannot be set", function()
		local t = sharetable.query "t"
		raises("attempt to change a shared table", function() t.key = 1 end)
		raises("attempt to change a shared table", function() t.new = 1 end)
		raises("attempt to change a shared table", function() t[4].deep.er = nil end)
		raises("attempt to change a shared table", rawset, t, "key", 1)
		raises("attempt to change a shared table", table.insert, t, 1)
		raises("attempt to change a shared table", table.sort, sharetable.query "list",
			function() return true end)
		raises("can't setmetatable to shared table", setmetatable, t, {})
		equal(getmetatable(t), nil)
		equal(t.key, "value")
	end },
	{ "functions without upvalues and light userdata", function()
		sharetable.loadstring("f", [[
			return { add = function(a, b) return a + b end,
				c = select(1, ...), n = select(2, ...), type = type }
		]], math.floor, 7)
		local t = sharetable.query "f"
		equal(t.add(2, 3), 5)
		assert(rawequal(t.add, t.add))
		equal(t.c, math.floor)
		equal(t.n, 7)
		equal(t.type(1), "number")
	end },
	{ "loadfile runs the file with arguments", function()
		local name = os.tmpname()
		local f <close> = assert(io.open(name, "w"))
		f:write "local a, b = ... return { sum = a + b, flag = select('#', ...) }"
		f:flush()
		sharetable.loadfile(name, 1, 2)
		equal(sharetable.query(name).sum, 3)
		os.remove(name)
		raises("cannot open", sharetable.loadfile, name)
	end },
	{ "what cannot be shared raises, and nothing of it stays", function()
		local before = core.count()
		raises("Not a table, it's a number.", sharetable.loadtable, "bad", 1)
		raises("Not a table, it's a nil.", sharetable.loadstring, "bad", "return")
		raises("Can't share metatable", sharetable.loadtable, "bad",
			{ { setmetatable({}, {}) } })
		raises("Invalid function with upvalue", sharetable.loadtable, "bad",
			{ function() return before end })
		raises("Invalid type [thread]", sharetable.loadtable, "bad",
			{ a = coroutine.create(print) })
		raises("Invalid type [userdata]", sharetable.loadtable, "bad", { io.stdout })
		raises("Invalid type [table]", sharetable.loadtable, "bad", { [{}] = 1 })
		-- a proxy; the VM that shares has none and copies it
		if debug.getmetatable(sharetable.query "t") then
			raises("Can't share metatable", sharetable.loadtable, "bad",
				{ sharetable.query "t" })
		end
		raises("boom", sharetable.loadstring, "bad", "error 'boom'")
		raises("<eof>", sharetable.loadstring, "bad", "return {")
		raises("Invalid parameter type [table]", sharetable.loadstring, "bad", "return {}",
			{})
		raises("Invalid parameter type [function]", sharetable.loadstring, "bad",
			"return {}", function() end)
		local deep = {}
		for _ = 2, 150 do deep = { deep } end
		sharetable.loadtable("deep", deep) -- 150 tables, each within the one before
		raises("nested deeper than 150", sharetable.loadtable, "bad", { deep })
		equal(sharetable.query "bad", nil)
		equal(core.count(), before + 1)
	end },
	{ "tables that occur twice are one; a table may hold itself", function()
		local shared = { 1 }
		local loop = { a = shared, b = shared }
		loop.self = loop
		sharetable.loadtable("loop", loop)
		local t = sharetable.query "loop"
		equal(t.a, t.b)
		equal(t.self.self.a[1], 1)
		sharetable.loadtable("loop", loop)
		sharetable.update "loop"
		equal(t.self, t)
	end },
	{ "queryall of a list and of all", function()
		local all = sharetable.queryall()
		assert(all.t.key == "value" and all.list and all.loop)
		local some = sharetable.queryall { "t", "nobody" }
		equal(some.t.key, "value")
		equal(some.list, nil)
		equal(next(some), "t")
	end },
	{ "the service sharetable tells what there is", function()
		local s = service.query "sharetable"
		local info = skynet.call(s, "debug", "INFO")
		assert(info.t.size > 100 and info.t.version > 0)
	end },
	{ "seri packs a proxy", function()
		local t = skynet.unpack(skynet.packstring(sharetable.query "t"))
		equal(getmetatable(t), nil)
		assert(same(t, sharetable.query "t"))
	end },
	{ "two tables that an update makes one are equal from then on, and no others", function()
		local both = { 3 }
		sharetable.loadtable("pair", { a = { 1 }, b = { 2 }, c = { 3 } })
		local t = sharetable.query "pair"
		local x, y, z = t.a, t.b, t.c
		assert(x ~= y and x ~= z)
		sharetable.loadtable("pair", { a = both, b = both, c = { 3 } })
		sharetable.update "pair"
		assert(x == y and x == t.b and y == t.a)
		assert(x ~= z and z == t.c and x[1] == 3)
	end },
	{ "the old version stays until update; update moves every reference", function()
		sharetable.loadtable("v",
			{ n = 1, sub = { x = 1, gone = { y = 1 } },
			list = { { id = 1 }, { id = 2 } } })
		local t = sharetable.query "v"
		local sub, second = t.sub, t.list[2]
		local box = { sub.gone, other = sub }
		local gone = sub.gone
		local f = function() return gone end
		local co = coroutine.create(function(g) coroutine.yield() return g end)
		coroutine.resume(co, gone)
		sharetable.loadtable("v",
			{ n = 2, sub = { x = 2, gone = 5 },
			list = { { id = 10 }, { id = 20 }, { id = 30 } } })
		equal(t.n, 1)
		equal(sharetable.query "v".n, 2)
		sharetable.update("v", "nobody")
		equal(t.n, 2)
		equal(t, sharetable.query "v")
		equal(sub.x, 2)
		equal(box.other.x, 2)
		equal(second.id, 20)
		equal(#t.list, 3)
		equal(sub.gone, 5)
		equal(box[1], nil)
		equal(gone, nil)
		equal(f(), nil)
		equal(select(2, coroutine.resume(co)), nil)
	end },
	{ "10 MB cost a service less than 10 KB", function()
		local big = {}
		for i = 1, 60000 do
			big[i] = { id = i, name = "entry number " .. i, price = i * 1.5,
				tags = { "a", "b" .. i } }
		end
		sharetable.loadtable("big", big)
		sharetable.loadtable("warm", {})
		assert(core.size "sharetable:big" > 10 << 20, core.size "sharetable:big")
		local r = reader()
		local cost, name = skynet.call(r, "lua", "cost", "big", 777)
		print(("# image %d bytes, cost of a service %d bytes")
			:format(core.size "sharetable:big", cost))
		equal(name, "entry number 777")
		assert(cost < 10240, cost)
		skynet.kill(r)
	end },
	{ "a read of a string", function()
		local t = sharetable.query "big"[777]
		local c <const> = { name = "x" }
		local plain = setmetatable({}, { __index = function(_, k) return c[k] end })
		local function measure(x)
			local best = math.huge
			for _ = 1, 5 do
				local from = skynet.hpc()
				local _
				for _ = 1, 100000 do _ = x.name end
				best = math.min(best, (skynet.hpc() - from) / 100000)
			end
			return best
		end
		print(("# shared %.0f ns, a plain __index function %.0f ns"):format(measure(t),
			measure(plain)))
	end },
	{ "random tables come back as they were", function()
		for seed = 1, 300 do
			math.randomseed(seed)
			local t = { random_value(4), random_value(4), x = random_value(5) }
			sharetable.loadtable("random", t)
			local shared = sharetable.query "random"
			if not (same(shared, t) and same(t, shared)
				and same(core.copy(shared), t)) then
				error("seed " .. seed)
			end
		end
	end },
	{ "a version lives as long as somebody holds it, then the log tells", function()
		local from = #tap.log()
		collectgarbage "collect"
		local base = core.count()
		sharetable.loadtable("mortal", { stamp = 1 })
		local a, b = reader(), reader()
		equal(skynet.call(a, "lua", "hold", "mortal"), true)
		equal(skynet.call(b, "lua", "hold", "mortal"), true)
		sharetable.loadtable("mortal", { stamp = 2 })
		skynet.kill(a)
		equal(skynet.call(b, "lua", "get", "mortal", "stamp"), 1)
		equal(core.count(), base + 2)
		assert(not tap.log():find("of mortal", from + 1, true))
		skynet.kill(b)
		tap.logged("of mortal", from)
		assert(tap.log():find("Delete a version %(0x%x+%) of mortal", from + 1))
		versions_left(base + 1)
	end },
	{ "a reader that no longer refers to an old version lets it go by collecting garbage, as "
		.. "it does anyway", function()
		local function version(stamp)
			local t = { stamp = stamp }
			for i = 1, 1000 do t[i] = { stamp = stamp, text = "number " .. i } end
			return t
		end
		collectgarbage "collect"
		sharetable.loadtable("dropped", version(1))
		local r = reader()
		equal(skynet.call(r, "lua", "hold", "dropped"), true)
		sharetable.loadtable("dropped", version(2))
		collectgarbage "collect"
		local base = core.count()
		equal(skynet.call(r, "lua", "get", "dropped", 1000, "stamp"), 1)
		skynet.call(r, "lua", "drop", "dropped")
		tap.until_true("the old version's end", function()
			skynet.call(r, "lua", "work")
			return core.count() == base - 1
		end)
		skynet.kill(r)
	end },
	{ "versions change while many read and some die", function()
		local function version(stamp)
			local t = { stamp = stamp }
			for i = 1, 50 do t[i] = { stamp = stamp } end
			return t
		end
		sharetable.loadtable("stress", version(0))
		collectgarbage "collect"
		collectgarbage "collect"
		local base = core.count()
		local readers, running, bad, reads = {}, 8, 0, 0
		for i = 1, running do
			readers[i] = reader()
			skynet.fork(function()
				for n = 1, 200 do
					if n % 50 == 0 then
						skynet.kill(readers[i])
						readers[i] = reader()
					end
					if not skynet.call(readers[i], "lua", "consistent",
						"stress") then
						bad = bad + 1
					end
					reads = reads + 1
				end
				running = running - 1
			end)
		end
		local stamp = 0
		while running > 0 do
			stamp = stamp + 1
			sharetable.loadtable("stress", version(stamp))
			skynet.yield()
		end
		equal(bad, 0)
		equal(reads, 1600)
		for _, r in ipairs(readers) do skynet.kill(r) end
		versions_left(base)
	end },
	{ "finalizers may read while the state closes", function()
		local s = service.new("finalizer", function()
			local skynet = require "skynet"
			local sharetable = require "skynet.sharetable"
			kept = setmetatable({},
				{ __gc = function(self) pcall(function() return self.t.x,
				#self.t end) end })
			kept.t = sharetable.query "t"
			late = setmetatable({ t = kept.t }, getmetatable(kept))
			skynet.start(function() end)
		end)
		skynet.kill(s)
		tap.until_true("its end", function() return not pcall(skynet.call, s, "lua") end)
	end },
}
