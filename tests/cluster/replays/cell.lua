-- A user of skynet.stm, whose values are in memory of others.
local skynet = require "skynet"
local stm = require "skynet.stm"
require "skynet.manager"

skynet.start(function()
	local cell = stm.new(skynet.pack(7))
	local _, value = stm.newcopy(stm.copy(cell))(skynet.unpack)
	skynet.dispatch("lua", function()
		skynet.retpack(value)
	end)
	skynet.register ".cell"
end)
