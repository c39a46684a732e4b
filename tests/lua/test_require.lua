-- SPDX-License-Identifier: MIT
-- require inside services, and skynet.init.
local skynet = require "skynet"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

tap.run {
	{ "in the main chunk it is Lua's: functions given to skynet.init run before start",
		function()
		local told = skynet.call(skynet.newservice "requirer", "lua")
		equal(told.name, "main_module")
		equal(told.extra, ":preload:")
		equal(told.first.value, 1)
		equal(told.again, true)
		equal(told.order, "init second start")
		assert(told.where:find("module 'no.such.module' not found", 1, true))
	end },
	{ "a module may wait while it loads; its value, true, or what it put into package.loaded",
		function()
		package.preload.m_value = function() skynet.sleep(1) return { 1 } end
		package.preload.m_none = function() skynet.sleep(1) end
		package.preload.m_loaded = function(name)
			skynet.sleep(1)
			package.loaded[name] = "set"
		end
		equal(require "m_value"[1], 1)
		equal(require "m_value", package.loaded.m_value)
		equal(require "m_none", true)
		equal(require "m_loaded", "set")
	end },
	{ "all who require it at the same time get the one value; it is loaded once", function()
		local n, got = 0, {}
		package.preload.m_once = function()
			n = n + 1
			skynet.sleep(2)
			return { n = n }
		end
		for i = 1, 4 do
			skynet.fork(function() got[i] = require "m_once" end)
		end
		tap.until_true("all", function() return #got == 4 end)
		equal(n, 1)
		for i = 2, 4 do equal(got[i], got[1]) end
	end },
	{ "a failure: the loader raises its own error, those who wait 'require NAME failed'; it "
		.. "may be tried again", function()
		local n, waiter = 0, nil
		package.preload.m_fails = function()
			n = n + 1
			skynet.sleep(1)
			if n == 1 then error "first time" end
			return "second time"
		end
		skynet.fork(function()
			skynet.fork(function() waiter = select(2, pcall(require, "m_fails")) end)
			raises("first time", require, "m_fails")
		end)
		tap.until_true("the waiter", function() return waiter end)
		assert(waiter:find("require m_fails failed", 1, true), waiter)
		equal(require "m_fails", "second time")
	end },
	{ "circles are told: in one task, and between tasks", function()
		package.preload.m_self = function() return require "m_self" end
		raises("circular dependency", require, "m_self")
		package.preload.m_a = function() skynet.sleep(1) return require "m_b" end
		package.preload.m_b = function() skynet.sleep(1) return require "m_a" end
		local results = {}
		for _, name in ipairs { "m_a", "m_b" } do
			skynet.fork(function()
				local why = select(2, pcall(require, name))
				results[#results + 1] = why
			end)
		end
		tap.until_true("both", function() return #results == 2 end)
		assert((results[1] .. results[2]):find("circular dependency", 1, true))
	end },
	{ "skynet.init of a module runs before its require returns, and may wait", function()
		local order = {}
		package.preload.m_init = function()
			skynet.init(function() skynet.sleep(1) order[#order + 1] = "first" end)
			skynet.init(function() order[#order + 1] = "second" end)
			order[#order + 1] = "loaded"
			return true
		end
		require "m_init"
		equal(table.concat(order, " "), "loaded first second")
		raises("skynet.init", skynet.init, print)
		raises("", skynet.init, "no function")
	end },
	{ "modules inside modules each have their own inits", function()
		local order = {}
		package.preload.m_outer = function()
			skynet.init(function() order[#order + 1] = "outer" end)
			require "m_inner"
			order[#order + 1] = "between"
			return true
		end
		package.preload.m_inner = function()
			skynet.init(function() order[#order + 1] = "inner" end)
			return true
		end
		require "m_outer"
		equal(table.concat(order, " "), "inner between outer")
	end },
	{ "an init that fails fails the require", function()
		package.preload.m_bad_init = function()
			skynet.init(function() error "bad init" end)
			return true
		end
		raises("bad init", require, "m_bad_init")
		equal(package.loaded.m_bad_init, nil)
	end },
	{ "a module that cannot be compiled tells its file and line", function()
		local dir = os.tmpname()
		os.remove(dir)
		os.execute("mkdir " .. dir)
		local f = assert(io.open(dir .. "/m_broken.lua", "w"))
		f:write "local x = = 1"
		f:close()
		package.path = dir .. "/?.lua;" .. package.path
		local why = raises("error loading module 'm_broken'", require, "m_broken")
		assert(why:find "m_broken.lua:1:")
		os.execute("rm -r " .. dir)
	end },
}
