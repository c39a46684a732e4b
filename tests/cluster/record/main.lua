-- What the shop asks, on each node; and who asks the shop.
local skynet = require "skynet"
require "skynet.manager"

local command = {}

function command.price(n)
	skynet.sleep(n % 3)
	return n * skynet.now()
end

-- Buys from the shop of the cluster, so many times at once; how many were refused.
function command.buy(n)
	local left, failed, me = n, 0, coroutine.running()
	for i = 1, n do
		skynet.fork(function()
			if not pcall(skynet.call, "SHOP", "lua", "buy", i) then
				failed = failed + 1
			end
			left = left - 1
			if left == 0 then
				skynet.wakeup(me)
			end
		end)
	end
	skynet.wait(me)
	return failed
end

function command.hear()
end

function command.launch(...)
	return skynet.address(skynet.newservice(...))
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, cmd, ...)
		skynet.retpack(command[cmd](...))
	end)
	skynet.register(".main")
	skynet.register("MAIN" .. skynet.harbor(skynet.self()))
end)
