-- SPDX-License-Identifier: MIT
-- cmemory: logs what is allocated, and ends (lua-core.md 7.6).
local skynet = require "skynet"
local memory = require "skynet.memory"

skynet.start(function()
	memory.dumpinfo()
	memory.dump()
	skynet.error(("Total memory: %d"):format(memory.total()))
	skynet.error(("Total block: %d"):format(memory.block()))
	skynet.exit()
end)
