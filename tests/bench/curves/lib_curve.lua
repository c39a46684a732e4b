-- SPDX-License-Identifier: MIT
-- What the curves share: rows, and CPU time finer than clock ticks.
local B = require "lib_bench"

local C = setmetatable({}, { __index = B })

-- One row of a curve: "XY curve x y".
function C.row(curve, x, y)
	io.stdout:write(("XY %s %.9g %.9g\n"):format(curve, x, y))
	io.stdout:flush()
end

-- CPU seconds of all live threads, from the scheduler's nanoseconds; B.cpu counts 10 ms ticks.
function C.cpu_ns()
	local sum = 0
	local list = assert(io.popen "ls /proc/$PPID/task")
	for tid in list:lines() do
		local f = io.open("/proc/self/task/" .. tid .. "/schedstat")
		if f then
			sum = sum + tonumber(f:read "n")
			f:close()
		end
	end
	list:close()
	return sum
end

-- B.start, and a last line that tells the runner not to wait for the node's end: to end 500,000
-- services takes time.
function C.start(f)
	B.start(function()
		f()
		io.stdout:write "XY_DONE\n"
		io.stdout:flush()
	end)
end

return C
