-- SPDX-License-Identifier: MIT
-- What the drivers of the soak call, and kill.
local skynet = require "skynet"
local command = {}

function command.echo(...) skynet.retpack(...) end
function command.boom(why) error("boom " .. why) end
function command.slow(ti) skynet.sleep(ti) skynet.retpack(ti) end
function command.forget() end
function command.bye(...) skynet.retpack(...) skynet.exit() end
function command.vanish() skynet.exit() end
function command.pass(to, ...) skynet.retpack(skynet.call(to, "lua", "echo", ...)) end
function command.chain(n) -- a task that goes to and fro in time
	for _ = 1, n do skynet.yield() end
	skynet.retpack(n)
end
function command.hold()
	local answer = skynet.response()
	skynet.fork(function() skynet.yield() answer(true, "held") end)
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, name, ...) command[name](...) end)
end)
