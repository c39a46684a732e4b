-- SPDX-License-Identifier: MIT
-- Module names from before skynet 1.1: there for who puts the folder compat10
-- into the path.
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local folder = debug.getinfo(require "skynet.queue", "S").source:match "^@(.*)/skynet/queue.lua$"
	.. "/compat10"

local names = {
	cluster = "skynet.cluster", crypt = "skynet.crypt", datacenter = "skynet.datacenter",
		dns = "skynet.dns",
	memory = "skynet.memory", mongo = "skynet.db.mongo", mqueue = "skynet.mqueue",
		multicast = "skynet.multicast",
	mysql = "skynet.db.mysql", netpack = "skynet.netpack", profile = "skynet.profile",
		redis = "skynet.db.redis",
	sharedata = "skynet.sharedata", sharemap = "skynet.sharemap", snax = "skynet.snax",
		socket = "skynet.socket",
	socketchannel = "skynet.socketchannel", socketdriver = "skynet.socketdriver",
		stm = "skynet.stm",
}

tap.run {
	{ "without the folder the old names are unknown", function()
		for name in pairs(names) do
			raises(("module '%s' not found"):format(name), require, name)
		end
	end },
	{ "with it each is its new module, or raises as that does", function()
		package.path = folder .. "/?.lua;" .. package.path
		local there = 0
		for old, new in pairs(names) do
			local ok, module = pcall(require, new)
			if ok then
				there = there + 1
				equal(require(old), module)
			else
				raises(("module '%s' not found"):format(new), require, old)
			end
		end
		assert(there >= 7, there)
	end },
	{ "there is no file for any other name", function()
		local n = 0
		for name in io.popen(("ls '%s'"):format(folder)):lines() do
			n = n + 1
			assert(names[name:match "^(.*)%.lua$"], name)
		end
		local wanted = 0
		for _ in pairs(names) do wanted = wanted + 1 end
		equal(n, wanted)
	end },
}
