-- A shop with a bug that only shows when two buyers wait at the same time, and their prices come in
-- the wrong order.
local skynet = require "skynet"
require "skynet.manager"
local where = ...
local stock, last, bought = { apple = 1, pear = 2, plum = 3, fig = 4 }, 0, 0
local command = {}

function command.buy(n)
	local id = bought + 1
	bought = id
	local price = skynet.call(where, "lua", "price", n + math.random(9))
	skynet.sleep(math.random(2))
	for name in pairs(stock) do
		skynet.send(".main", "lua", "hear", name .. os.time())
	end
	if id < last then
		error(("buyer %d came after %d at %d, price %d"):format(id, last, skynet.now(),
			price))
	end
	last = id
	return price, skynet.time(), os.clock(), skynet.getenv "harbor"
end

function command.big(text)
	return #tostring(text)
end

function command.exit()
	skynet.ret()
	skynet.exit()
end

skynet.start(function()
	math.randomseed(skynet.hpc())
	skynet.dispatch("lua", function(_, _, cmd, ...)
		skynet.retpack(command[cmd](...))
	end)
	skynet.register("SHOP")
	skynet.register(".shop")
end)
