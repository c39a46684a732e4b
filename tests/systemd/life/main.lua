-- A start service that does what its argument says.
local skynet = require "skynet"
require "skynet.manager"

local what, seconds = ...
local did = {}

function did.slow()
	for _ = 1, tonumber(seconds) * 10 do
		skynet.sleep(10) -- progress, as of somebody who loads
	end
end

function did.hangs()
	skynet.wait()
end

function did.throws()
	error "this is meant"
end

function did.saves()
	skynet.on_stop(function()
		skynet.sleep(tonumber(seconds) * 100)
		local f = assert(io.open(os.getenv "STATE_DIRECTORY" .. "/saved", "w"))
		f:write "all of it"
		f:close()
	end)
end

function did.stays()
	skynet.on_handover(function()
		error "there is no place like home"
	end)
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, word, n, looper)
		if word == "loops" then
			for _ = 1, tonumber(n) do
				skynet.newservice(looper or "looper")
			end
			skynet.ret(skynet.pack "looping")
		elseif word == "run" then
			local ok, how, status = os.execute(n)
			skynet.ret(skynet.pack(ok or false, how, status))
		else
			skynet.ret(skynet.pack(word))
		end
	end)
	skynet.register(".main")
	if did[what] then
		did[what]()
	end
end)
