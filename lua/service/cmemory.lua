-- SPDX-License-Identifier: MIT
-- cmemory: logs what is allocated, and ends.
local skynet = require "skynet"
local memory = require "skynet.memory"

skynet.start(function()
	memory.dumpinfo()
	memory.dump()
	skynet.error(("Total memory: %d"):format(memory.total()))
	skynet.error(("Total block: %d"):format(memory.block()))
	skynet.exit()
end)
