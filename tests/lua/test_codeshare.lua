-- SPDX-License-Identifier: MIT
-- Code that services share (lua/vm, lua/load/codecache.c): many services run one file, versions
-- come and go. On a stock VM the same holds but for who keeps what.
local skynet = require "skynet"
require "skynet.manager"
local codecache = require "skynet.codecache"
local core = require "skynet.sharetable.core"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local folder = os.tmpname()
os.remove(folder)
os.execute("mkdir " .. folder)
package.path = folder .. "/?.lua;" .. package.path

local function write(name, text)
	local f <close> = assert(io.open(folder .. "/" .. name .. ".lua", "w"))
	f:write(text)
end

local function module(version)
	return ([[
local M = { calls = 0 }
local text = "a constant of version %d that is longer than short strings are"
function M.version() M.calls = M.calls + 1 return %d, text end
function M.fails(t)
	return t.x.y
end
function M.closure(n) return function(k) n = n + k return n end end
return M
]]):format(version, version)
end

-- What this service gets when it loads the file again.
local function again(name)
	codecache.clear()
	package.loaded[name] = nil
	return require(name)
end

local function user()
	return skynet.newservice("code_user", folder)
end

local function held(who)
	return skynet.call(who, "debug", "SHARED")
end

local shares = core.held().count > 0

tap.run {
	{ "services that run one file do not see each other's variables", function()
		write("shared_a", module(1))
		local a, b = user(), user()
		equal(skynet.call(a, "lua", "load", "shared_a"), 1)
		equal(skynet.call(b, "lua", "load", "shared_a"), 1)
		equal(skynet.call(a, "lua", "calls"), 1)
		skynet.call(b, "lua", "version")
		equal(skynet.call(b, "lua", "calls"), 2)
		equal(skynet.call(a, "lua", "calls"), 1)
		equal(skynet.call(a, "lua", "closure", 5), 12)
		skynet.kill(a)
		equal(skynet.call(b, "lua", "closure", 1), 8)
		skynet.kill(b)
	end },
	{ "of services that load a file at once none holds an old version", function()
		local users = {}
		for i = 1, 8 do users[i] = user() end
		for round = 1, 20 do
			local name, waiting = "at_once_" .. round, #users
			write(name, module(round) .. ("-- a long file\n"):rep(5000))
			for _, who in ipairs(users) do
				skynet.fork(function()
					skynet.call(who, "lua", "load", name)
					waiting = waiting - 1
				end)
			end
			tap.until_true("all have it", function() return waiting == 0 end)
		end
		for _, who in ipairs(users) do
			equal(held(who).old, 0)
			skynet.kill(who)
		end
	end },
	{ "errors, hooks, dumps and the debug library are those of the file", function()
		local M = require "shared_a"
		raises("shared_a.lua:5: attempt to index a nil value (field 'x')", M.fails, {})
		local info = debug.getinfo(M.fails, "SLu")
		equal(info.linedefined, 4)
		equal(info.source, "@" .. folder .. "/shared_a.lua")
		assert(info.activelines[5] and not info.activelines[3])
		equal(debug.getlocal(M.fails, 1), "t")
		equal(debug.getupvalue(M.version, 1), "M")
		local lines = {}
		debug.sethook(function(_, line) lines[#lines + 1] = line end, "l")
		M.version()
		debug.sethook()
		assert(table.concat(lines, " "):find "3")
		local copy = load(string.dump(M.closure))
		equal(copy(1)(2), 3)
		raises("bad key", function() error "bad key" end)
	end },
	{ "the old code runs as long as somebody has it, the new one where it is loaded", function()
		write("shared_b", module(1))
		local old = user()
		skynet.call(old, "lua", "load", "shared_b")
		local mine = require "shared_b"
		write("shared_b", module(2))
		codecache.clear()
		local new = user()
		equal(skynet.call(new, "lua", "load", "shared_b"), 2)
		equal(skynet.call(old, "lua", "version"), 1)
		equal((mine.version()), 1)
		equal((again "shared_b".version()), 2)
		equal(select(2, mine.version()),
			"a constant of version 1 that is longer than short strings are")
		if shares then
			assert(held(old).old > 0)
		end
		skynet.kill(old)
		skynet.kill(new)
	end },
	{ "a service that loads version after version keeps those that it uses", function()
		write("shared_c", module(0))
		local kept = again "shared_c".version
		for i = 1, 400 do
			write("shared_c", module(i))
			equal((again "shared_c".version()), i)
		end
		equal((kept()), 0)
		if shares then
			assert(core.held().old < 100, core.held().old)
			local before = core.held()
			collectgarbage()
			collectgarbage()
			local after = core.held()
			assert(after.old < 20 and after.bytes < before.bytes, after.old)
		end
		equal((kept()), 0)
		equal(select(2, kept()),
			"a constant of version 0 that is longer than short strings are")
	end },
	{ "births, deaths and new versions at once", function()
		write("shared_d", module(1))
		local running, wrong = 8, 0
		for i = 1, 8 do
			skynet.fork(function()
				for n = 1, 15 do
					local s = user()
					local v = skynet.call(s, "lua", "load", "shared_d")
					if skynet.call(s, "lua",
						"version") ~= v then wrong = wrong + 1 end
					skynet.kill(s)
				end
				running = running - 1
			end)
		end
		local version = 1
		while running > 0 do
			version = version + 1
			write("next", module(version))
			os.rename(folder .. "/next.lua", folder .. "/shared_d.lua")
			codecache.clear()
			skynet.sleep(1)
		end
		equal(wrong, 0)
	end },
	{ "names that only differ where they come from are one name", function()
		-- made here before the code that has it is loaded
		local key = ("own_name"):rep(2)
		local t = { [key] = 1, ["other" .. key] = 2 }
		write("shared_e", [[
			return function(t)
				local sum = t.own_nameown_name + t.otherown_nameown_name
				t.own_nameown_name = nil
				collectgarbage()
				local k = next(t, "own_nameown_name")
				t["own_name" .. "own_name"] = 5
				return sum, k == nil or k == "otherown_nameown_name",
					t.own_nameown_name
			end]])
		local sum, fine, five = require "shared_e"(t)
		equal(sum, 3)
		equal(fine, true)
		equal(five, 5)
		equal(t[key], 5)
		local n = 0
		for _ in pairs(t) do n = n + 1 end
		equal(n, 2)
		os.execute("rm -r " .. folder)
	end },
}
