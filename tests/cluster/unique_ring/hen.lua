-- SPDX-License-Identifier: MIT
-- Cannot start without an egg, in its start function, or ("aside") in a task that the start
-- function does not wait for.
local skynet = require "skynet"
local how = ...
skynet.start(function()
	if how == "aside" then
		skynet.fork(skynet.uniqueservice, "egg")
		skynet.sleep(180)
	else
		skynet.uniqueservice "egg"
	end
end)
