-- SPDX-License-Identifier: MIT
-- Calls that are recorded: each when it is made (C: id, kind, whom, who must answer, time limit in
-- cs) and when it ended (R: id, who answered, which question, what it holds; or E: id, why).
local skynet = require "skynet"
local history = require "history"

local calls = { open = 0 } -- open: how many calls have no outcome yet
local ids = 0
local numbers = {} -- route -> number of the last message on it

-- Messages of this service to the same receiver in the same way are numbered.
function calls.number(route)
	numbers[route] = (numbers[route] or 0) + 1
	return numbers[route]
end

-- Runs f, which makes call number `id`; returns what pcall returns.
local function recorded(kind, to, expected, ti, f, ...)
	ids = ids + 1
	local id = history.who .. ":" .. ids
	history.record("C", id, kind, to, expected, ti or 0)
	calls.open = calls.open + 1
	local ok, answer = pcall(f, id, ...)
	calls.open = calls.open - 1
	if not ok then history.record("E", id, history.reason(answer)) end
	return ok, answer, id
end

-- A call of a service that answers with a table of who it is; `expected` as in check.py. Returns
-- the answer, or nothing.
function calls.call(kind, to, expected, ti, what, ...)
	local route = kind .. ":" .. to
	local ok, answer, id = recorded(kind, to, expected, ti, function(id, ...)
		local number = calls.number(route)
		if ti then return skynet.calltimeout(ti, to, "lua", what, id, route, number,
			...) end
		return skynet.call(to, "lua", what, id, route, number, ...)
	end, ...)
	if not ok then return end
	if type(answer) ~= "table" then
		history.record("R", id, "?", tostring(answer), "")
		return
	end
	history.record("R", id, answer.who, answer.question, answer.holds or "")
	return answer
end

-- Something else that yields and must end: returns whether f(...) did without an error, and what it
-- returned.
function calls.operation(kind, to, f, ...)
	local ok, got, id = recorded(kind, to, "-", nil, function(_, ...) return f(...) end, ...)
	if ok then history.record("R", id, tostring(got), "-", "") end
	return ok, got
end

local on, waiting = false, {}

-- Lets the tasks of `repeatedly` run, or rest: who rests has no timer, so that a node without
-- traffic is idle.
function calls.traffic(wanted)
	on = wanted
	if on then
		local all = waiting
		waiting = {}
		for _, task in ipairs(all) do skynet.wakeup(task) end
	end
end

local LONGEST <const> = 800 -- cs, as SLEEPS in chaos.py

-- Runs f(...) again and again, `pause` cs apart on the average, while there is traffic; less often
-- where it takes long, so that a slow machine is not flooded.
function calls.repeatedly(pause, f, ...)
	local more = table.pack(...)
	skynet.fork(function()
		local took = 0
		while true do
			if not on then
				waiting[#waiting + 1] = coroutine.running()
				skynet.wait()
			end
			skynet.sleep(math.min(LONGEST, math.random(pause * 2) + 3 * took))
			local began = skynet.now()
			if on then f(table.unpack(more, 1, more.n)) end
			took = skynet.now() - began
		end
	end)
end

return calls
