-- A snax service.
local skynet = require "skynet"
local times = {}

function init(name)
	require "skynet.manager"
	skynet.register("." .. name)
end

function response.ping(text)
	skynet.sleep(math.random(3))
	return text .. skynet.call(".main", "lua", "price", #text * 2 + 1)
end

function accept.note(n)
	times[#times + 1] = skynet.now()
	if n == 0 then
		error("noted " .. #times)
	end
end

function exit()
	skynet.send(".main", "lua", "hear", table.concat(times, ","))
end
