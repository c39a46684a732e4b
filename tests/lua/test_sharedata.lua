-- SPDX-License-Identifier: MIT
-- skynet.sharedata and its corelib.
local skynet = require "skynet"
require "skynet.manager"
local sharedata = require "skynet.sharedata"
local corelib = require "skynet.sharedata.corelib"
local core = require "skynet.sharetable.core"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local function file(text)
	local name = os.tmpname()
	local f <close> = assert(io.open(name, "w"))
	f:write(text)
	return name
end

tap.run {
	{ "new of a table; query gives the proxy, once", function()
		sharedata.new("foo", { a = 1, b = { "hello", { x = 1.5 } }, [100000] = "far",
			[-1] = true })
		local t = sharedata.query "foo"
		assert(rawequal(t, sharedata.query "foo"))
		equal(t.a, 1)
		equal(t.b[1], "hello")
		equal(t.b[2].x, 1.5)
		equal(t[100000], "far")
		equal(t[-1], true)
		equal(#t.b, 2)
		equal(t.missing, nil)
		equal(t[nil], nil)
		assert(rawequal(t.b, t.b))
		assert(rawequal(t.b[2.0], t.b[2]))
	end },
	{ "new of source, of a file, of nothing", function()
		sharedata.new("source", "return { n = select('#', ...), first = ... }", "x", 2)
		equal(sharedata.query "source".n, 2)
		equal(sharedata.query "source".first, "x")
		sharedata.new("globals", "a = 1; b = { c = tostring(2) }; local arg = ...; d = arg",
			"passed")
		equal(sharedata.query "globals".b.c, "2")
		equal(sharedata.query "globals".d, "passed")
		equal(a, nil)
		local name = file "x = ... y = { 1, 2, 3 }"
		sharedata.new("file", "@" .. name, 9)
		equal(sharedata.query "file".x, 9)
		equal(#sharedata.query "file".y, 3)
		os.remove(name)
		raises(name, sharedata.new, "file2", "@" .. name)
		sharedata.new("empty")
		equal(next(sharedata.deepcopy "empty"), nil)
	end },
	{ "what cannot be: a name twice, other types, keys, values", function()
		raises("foo", sharedata.new, "foo", {})
		raises("number", sharedata.new, "n", 5)
		raises("expected near", sharedata.new, "n", "local local")
		raises("boom", sharedata.new, "n", "error 'boom'")
		raises("Invalid key", sharedata.new, "n", { [1.5] = 1 })
		raises("Invalid key", sharedata.new, "n", { [1 << 40] = 1 })
		raises("Invalid type [boolean] of a key", sharedata.new, "n", { [true] = 1 })
		raises("Invalid type [function]", sharedata.new, "n", { print })
		raises("existed", sharedata.query, "n")
		raises("existed", sharedata.delete, "n")
		raises("existed", sharedata.deepcopy, "n")
		raises("string", sharedata.query, 1)
	end },
	{ "pairs: the array first; ipairs; seri", function()
		local t = sharedata.query "foo"
		sharedata.new("list", { 10, 20, x = { 30 } })
		local order = {}
		for k, v in pairs(sharedata.query "list") do
			order[#order + 1] = k
			if k == "x" then
				assert(rawequal(v, sharedata.query "list".x))
			end
		end
		equal(table.concat(order, " "), "1 2 x")
		local sum = 0
		for _, v in ipairs(sharedata.query "list") do sum = sum + v end
		equal(sum, 30)
		local copy = skynet.unpack(skynet.packstring(t))
		equal(copy.b[2].x, 1.5)
		equal(getmetatable(copy), nil)
	end },
	{ "writing raises with the path", function()
		local t = sharedata.query "foo"
		raises("Error newindex, the key [.a]", function() t.a = 1 end)
		raises("Error newindex, the key [.b.2.new]", function() t.b[2].new = 1 end)
		equal(t.a, 1)
	end },
	{ "deepcopy of all, of a path, of a leaf, of nothing", function()
		local t = sharedata.deepcopy "foo"
		equal(getmetatable(t), nil)
		t.a = 5
		equal(t.b[2].x, 1.5)
		equal(sharedata.deepcopy("foo", "b", 2).x, 1.5)
		equal(sharedata.deepcopy("foo", "b", 1), "hello")
		equal(sharedata.deepcopy("foo", "c", 1), nil)
		equal(sharedata.deepcopy("foo", "a", 1), nil)
		equal(corelib.copy(sharedata.query "foo", "b", 1), "hello")
		equal(corelib.copy(sharedata.query "foo").b[1], "hello")
	end },
	{ "update: readers switch, sub-proxies stay, vanished keys raise", function()
		sharedata.new("v", { n = 1, a = { x = 1 }, b = { c = { y = 1 } } })
		local t = sharedata.query "v"
		local a, b, c = t.a, t.b, t.b.c
		sharedata.update("v", { n = 2, a = { x = 2 }, b = 3 })
		tap.until_true("the new version", function() return t.n == 2 end)
		equal(a.x, 2)
		assert(rawequal(t.a, a))
		equal(t.b, 3)
		raises("The key [.b] doesn't exist after update", function() return b.c end)
		raises("The key [.b.c] doesn't exist after update", function() return #c end)
		sharedata.update("v", { n = 3, a = { x = 3 }, b = { c = { y = 3 } } })
		tap.until_true("the next", function() return t.n == 3 end)
		equal(c.y, 3)
		equal(b.c.y, 3)
		equal(sharedata.query "v", t)
		sharedata.update("created", { z = 1 })
		equal(sharedata.query "created".z, 1)
	end },
	{ "a version stays the same until the service yields", function()
		local t = sharedata.query "v"
		local was = t.n
		core.publish("sharedata:v", { n = "at once" }, true)
		equal(t.n, was)
		sharedata.flush()
		equal(t.n, "at once")
	end },
	{ "flush lets the old version go", function()
		sharedata.update("f", { sub = { sub = { 1 } } })
		local t = sharedata.query "f"
		local sub = t.sub.sub
		sharedata.flush()
		collectgarbage()
		local base = core.count()
		for i = 2, 10 do
			sharedata.update("f", { sub = { sub = { i } } })
			sharedata.flush()
		end
		collectgarbage()
		collectgarbage()
		equal(core.count(), base)
		equal(sub[1], 10)
		equal(t.sub.sub, sub)
	end },
	{ "delete: old proxies keep their data, query fails until there is a new one", function()
		local t = sharedata.query "foo"
		sharedata.delete "foo"
		equal(t.b[1], "hello")
		raises("existed", sharedata.query, "foo")
		raises("existed", sharedata.delete, "foo")
		sharedata.new("foo", { a = "again" })
		equal(sharedata.query "foo".a, "again")
		equal(t.a, 1)
		sharedata.update("foo", { a = "newer" })
		tap.until_true("the newer",
			function() return sharedata.query "foo".a == "newer" end)
	end },
	{ "another service sees updates and the end", function()
		local s = skynet.newservice "sharedata_reader"
		equal(skynet.call(s, "lua", "read", "foo", "a"), "newer")
		sharedata.update("foo", { a = "newest" })
		tap.until_true("it", function() return skynet.call(s, "lua", "read", "foo",
			"a") == "newest" end)
		sharedata.delete "foo"
		tap.until_true("the end",
			function() return not skynet.call(s, "lua", "query", "foo") end)
		sharedata.new("foo", { a = 1 })
		equal(skynet.call(s, "lua", "query", "foo"), true)
		equal(skynet.call(s, "lua", "read", "foo", "a"), 1)
		skynet.kill(s)
	end },
	{ "one task a name waits, however often proxies come and go", function()
		local manager = skynet.queryservice "sharedatad"
		for _ = 1, 20 do
			equal(sharedata.query "created".z, 1)
			collectgarbage()
			collectgarbage()
		end
		skynet.yield()
		equal(skynet.call(manager, "debug", "INFO")["sharedata:created"], 1)
	end },
	{ "corelib: host and box, by hand", function()
		local data = corelib.host.new("own", { a = { 1 } })
		local root = corelib.box(data, "own")
		local a = root.a
		equal(a[1], 1)
		corelib.update(root, corelib.host.new("own", { a = { 2 } }))
		equal(a[1], 2)
		corelib.host.new("own", { a = { 3 } })
		equal(a[1], 2)
		corelib.host.markdirty(root)
		corelib.flush(root)
		equal(a[1], 3)
		equal(corelib.host.incref(data), data)
		equal(corelib.host.decref(data), data)
		assert(corelib.host.getref() > 0)
		equal(corelib.host.delete "own", true)
		equal(corelib.host.delete "own", false)
	end },
}
