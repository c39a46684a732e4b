-- SPDX-License-Identifier: MIT
-- skynet.memory, skynet.profile, skynet.codecache.
local skynet = require "skynet"
local memory = require "skynet.memory"
local profile = require "skynet.profile"
local codecache = require "skynet.codecache"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local jemalloc = memory.total() > 0 -- sanitizer builds have none

local function spin(ns)
	local till = skynet.hpc() + ns
	while skynet.hpc() < till do end
end

tap.run {
	{ "total, block: what the process has", function()
		if not jemalloc then
			equal(memory.total(), 0)
			equal(memory.block(), 0)
			return tap.logged "No jemalloc"
		end
		assert(memory.total() > 100000)
		local blocks = memory.block()
		assert(blocks > 1000 and blocks * 8 < memory.total(), blocks)
		local before, kept = memory.total(), {}
		for i = 1, 50 do kept[i] = ("x"):rep(1 << 18) .. i end
		assert(memory.total() > before + (12 << 20))
	end },
	{ "info and current: what each service has", function()
		local s = skynet.newservice "callee"
		local before = memory.info()[s]
		assert(before > 1000)
		-- garbage of its start may go meanwhile
		skynet.call(s, "lua", "eval", "kept = ('x'):rep(1 << 22)")
		assert(memory.info()[s] > before + (3 << 20))
		assert(memory.current() > 1000)
		equal(skynet.call(s, "lua", "eval",
			"return type(require 'skynet.memory'.current())"), "number")
		skynet.send(s, "lua", "exit")
		tap.until_true("its end", function() return memory.info()[s] == nil end)
	end },
	{ "a large service that is quiet is collected to the end", function()
		local s = skynet.newservice "callee"
		skynet.call(s, "lua", "eval", [[
			kept = {}
			for i = 1, 100000 do kept[i] = { i } end
			local garbage = {}
			for i = 1, 64 do garbage[i] = ("x"):rep(1 << 20) .. i end]])
		assert(memory.info()[s] > (64 << 20))
		-- no message of ours is needed for it
		tap.until_true("its garbage to go", function()
			return memory.info()[s] < (16 << 20)
		end)
		equal(skynet.call(s, "lua", "eval", "return #kept, kept[100000][1]"), 100000)
		skynet.send(s, "lua", "exit")
	end },
	{ "dump writes it into the log", function()
		local from = #tap.log()
		memory.dump()
		tap.logged(("%s -> "):format(skynet.address(skynet.self())), from)
		tap.logged("+total: ", from)
		assert(tap.log():find(":%x+ %-> %d+kb %d+b\n", from + 1))
		assert(tap.log():find("%+total: %d+kb", from + 1))
	end },
	{ "jestat, mallctl: the allocator's own figures", function()
		local stat = memory.jestat()
		for _, name in ipairs { "allocated", "resident", "retained", "mapped", "active" } do
			equal(math.type(stat["stats." .. name]), "integer")
		end
		if jemalloc then
			assert(stat["stats.active"] >= stat["stats.allocated"])
			assert(stat["stats.resident"] >= stat["stats.active"])
			assert(memory.mallctl "arenas.nbins" > 10)       -- an unsigned
			equal(memory.mallctl "config.stats", 1)          -- a bool
			assert(memory.mallctl "stats.active" > 0)        -- a size_t
			raises("mallctl no.such", memory.mallctl, "no.such")
		end
	end },
	{ "heap profiles only if the allocator was told so", function()
		equal(memory.profactive(), false)
		if not jemalloc or memory.mallctl "config.prof" == 0 then
			equal(memory.profactive(true), false)
		end
		local from = #tap.log()
		equal(memory.dumpheap(), false)
		tap.logged("no heap profile", from)
		memory.dumpinfo "gmdablxe"
	end },
	{ "profile counts what a task runs, not what it waits", function()
		profile.start()
		spin(20000000)
		skynet.sleep(50)
		spin(10000000)
		local time = profile.stop()
		equal(math.type(time), "float")
		assert(time >= 0.030 and time < 0.4, time)
	end },
	{ "profile of another task, by its coroutine", function()
		local time
		local co = skynet.fork(function()
			skynet.sleep(1)
			spin(10000000)
			skynet.wait "go on"
		end)
		profile.start(co)
		skynet.sleep(50)
		time = profile.stop(co)
		skynet.wakeup "go on"
		assert(time >= 0.010 and time < 0.4, time)
	end },
	{ "start twice and stop without start raise", function()
		profile.start()
		local text = raises("start profile more than once", profile.start)
		assert(text:find "Thread 0x%x+ ")
		profile.stop()
		raises("Call profile.start() before profile.stop()", profile.stop)
		local co = coroutine.create(function() end)
		raises("Call profile.start() before profile.stop()", profile.stop, co)
		raises("thread", profile.start, "no thread")
	end },
	{ "a plain coroutine has a time of its own", function()
		local co = coroutine.create(function()
			spin(5000000)
			coroutine.yield()
			spin(5000000)
		end)
		profile.start(co)
		profile.resume(co)
		spin(400000000)
		profile.resume(co)
		local time = profile.stop(co)
		assert(time >= 0.010 and time < 0.3, time)
		local f = profile.wrap(function(a)
			local b = coroutine.yield(a + 1)
			return b * 2
		end)
		equal(f(1), 2)
		equal(f(4), 8)
		raises("broken", profile.wrap(function() error "broken" end))
		local ok, why = profile.resume(coroutine.create(function() error "in it" end))
		equal(ok, false)
		assert(why:find "in it")
	end },
	{ "codecache: modes are each state's own", function()
		equal(codecache.mode(), "ON")
		equal(skynet.cache, codecache)
		codecache.mode "OFF"
		equal(codecache.mode(), "OFF")
		equal(skynet.call(skynet.newservice "callee", "lua", "eval",
			"return require 'skynet.codecache'.mode()"), "ON")
		codecache.mode "EXIST"
		equal(codecache.mode(), "EXIST")
		raises("invalid option 'SOMETIMES'", codecache.mode, "SOMETIMES")
		codecache.mode "ON"
	end },
	{ "codecache: loadfile gives a function, or nil and why", function()
		local name = os.tmpname()
		local function write(text)
			local f <close> = assert(io.open(name, "w"))
			f:write(text)
		end
		for _, mode in ipairs { "ON", "EXIST", "OFF" } do
			codecache.mode(mode)
			write "return 1, ..."
			local a, b = assert(codecache.loadfile(name))("x")
			equal(a, 1)
			equal(b, "x")
			equal(select(2, codecache.loadfile(name)("y")), "y")
			write "return 22"
			codecache.clear()
			equal(codecache.loadfile(name)(), 22)
			write "this is wrong"
			codecache.clear()
			local f, why = codecache.loadfile(name)
			equal(f, nil)
			assert(why:find(name, 1, true), why)
		end
		codecache.mode "ON"
		local f, why = codecache.loadfile(name .. ".none")
		equal(f, nil)
		assert(why:find("cannot open", 1, true))
		os.remove(name)
	end },
}
