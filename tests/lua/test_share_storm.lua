-- SPDX-License-Identifier: MIT
-- Everything that is shared, at once: services that load code and read tables while both change,
-- are collected, exit, and are killed. For a moment in each run of the tests; HARBORD_STORM_SECONDS
-- makes it longer (under a sanitizer, for instance).
local skynet = require "skynet"
require "skynet.manager"
local codecache = require "skynet.codecache"
local sharetable = require "skynet.sharetable"
local sharedata = require "skynet.sharedata"
local core = require "skynet.sharetable.core"
local tap = require "tap"

local SECONDS = tonumber(os.getenv "HARBORD_STORM_SECONDS" or 1)
local AGENTS = 8

local folder = os.tmpname()
os.remove(folder)
os.execute("mkdir " .. folder)

local function write_code(version)
	local f <close> = assert(io.open(folder .. "/storm_code.lua.new", "w"))
	f:write(("local M = {}\nfunction M.version()\n\treturn %d, 'the text of version %d', "
		.. "function(n) return n + %d end\nend\nreturn M\n")
		:format(version, version, version))
	f:close()
	assert(os.rename(folder .. "/storm_code.lua.new", folder .. "/storm_code.lua"))
	codecache.clear()
end

local function write_table(version)
	local t = { stamp = version }
	for i = 1, 40 do
		t[i] = { stamp = version, name = ("entry %d of %d"):format(i, version),
			tags = { i, "x", { version } } }
	end
	sharetable.loadtable("storm_table", t)
end

local function data(version)
	local t = { n = version % 20 + 1, list = {} }
	for i = 1, 20 do t.list[i] = { n = i } end
	return t
end

local function storm()
	local until_time, version, running, wrong, rounds = skynet.now() + SECONDS * 100, 1, AGENTS,
		nil, 0
	write_code(version)
	write_table(version)
	sharedata.new("storm_data", data(version))
	for i = 1, AGENTS do
		skynet.fork(function()
			local n = i
			while skynet.now() < until_time and not wrong do
				local agent = skynet.newservice("share_storm_agent", folder)
				for _ = 1, 10 + n % 7 do
					n = n + 1
					wrong = wrong or skynet.call(agent, "lua",
						n % 5 == 0 and "step" or n % 31 == 0 and "collect")
					rounds = rounds + 1
				end
				if n % 2 == 0 then
					skynet.kill(agent)
				else
					skynet.send(agent, "debug", "EXIT")
				end
			end
			running = running - 1
		end)
	end
	while running > 0 do
		version = version + 1
		write_table(version)
		if version % 3 == 0 then write_code(version) end
		if version % 5 == 0 then sharedata.update("storm_data", data(version)) end
		skynet.yield()
	end
	return wrong, rounds, version
end

tap.run {
	{ "loads, updates, collections, exits and kills at once", function()
		collectgarbage()
		local base = core.count()
		local wrong, rounds, versions = storm()
		print(("# %d rounds, %d versions"):format(rounds, versions))
		tap.equal(wrong, nil)
		assert(rounds > AGENTS and versions > 5)
		-- Only the newest versions are left: nobody reads an older one.
		tap.until_true("the end of old versions", function()
			collectgarbage()
			return core.count() <= base + 2 -- the table and the data
		end)
		os.execute("rm -r " .. folder)
	end },
}
