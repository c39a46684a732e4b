-- SPDX-License-Identifier: MIT
-- service_cell: the body of a service whose code is a function (skynet.service). Its first request
-- brings the code; what that dispatches takes the place of our dispatch.
local skynet = require "skynet"

local real_start = skynet.start

local function describe(why)
	return debug.traceback(require "skynet.core".shown(why), 2)
end

local function init(name, code, ...)
	local start
	function skynet.start(f)
		start = f
	end
	assert(load(code, "=" .. name, "b"))(...)
	skynet.start = real_start
	if start then
		start()
	end
end

real_start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		assert(what == "INIT", "not started yet")
		local answer = skynet.response()
		local ok, why = xpcall(init, describe, ...)
		if ok then
			answer(true)
		else
			answer(false, tostring(why))
		end
	end)
end)
