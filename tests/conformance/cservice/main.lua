-- SPDX-License-Identifier: MIT
local skynet = require "skynet"
require "skynet.manager"

skynet.register_protocol {
	name = "text",
	id = skynet.PTYPE_TEXT,
	pack = function(s) return s end,
	unpack = skynet.tostring,
}

skynet.start(function()
	skynet.dispatch("text", function(_, _, text) skynet.error("reported: " .. text) end)
	skynet.register ".main"
	local counter = assert(skynet.launch("counter", ".main"))
	skynet.name(".counter", counter)
	skynet.send(counter, "text", "four words are here")
	skynet.error("count " .. skynet.call(".counter", "text", "and two"))
	for _ = 1, 4 do skynet.send(counter, "text", "word") end
	skynet.error("count " .. skynet.call(counter, "text", ""))
	skynet.kill ".counter"
	skynet.error("called " .. tostring(pcall(skynet.call, counter, "text", "x")))
	skynet.yield()
	skynet.abort()
end)
