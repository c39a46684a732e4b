-- SPDX-License-Identifier: MIT
-- tap.run { {"a sentence", function() ... end}, ... }: runs each in the same task, prints TAP, ends
-- the node.
local skynet = require "skynet"
require "skynet.manager"

local tap = {}

function tap.run(tests)
	skynet.start(function()
		skynet.fork(function()
			for i, test in ipairs(tests) do
				local ok, why = xpcall(test[2], debug.traceback)
				if ok then
					print(("ok %d - %s"):format(i, test[1]))
				else
					print(("not ok %d - %s"):format(i, test[1]))
					print("# " .. tostring(why):gsub("\n", "\n# "))
				end
				io.stdout:flush()
			end
			print("1.." .. #tests)
			io.stdout:flush()
			skynet.abort()
		end)
	end)
end

-- Fails with both values unless they are equal.
function tap.equal(got, wanted)
	if got ~= wanted then
		error(("got %s, wanted %s"):format(tostring(got), tostring(wanted)), 2)
	end
end

-- Fails unless f raises a text that holds `part`; gives the text.
function tap.raises(part, f, ...)
	local ok, why = pcall(f, ...)
	if ok then
		error("no error was raised", 2)
	end
	if not tostring(why):find(part, 1, true) then
		error(("raised %q, wanted %q in it"):format(tostring(why), part), 2)
	end
	return why
end

-- The node's log so far.
function tap.log()
	local f <close> = assert(io.open(skynet.getenv "test_log"))
	return f:read "a"
end

-- Waits until the log, behind its first `from` bytes, holds the text.
function tap.logged(text, from)
	return tap.until_true(("the log line %q"):format(text), function()
		return tap.log():find(text, (from or 0) + 1, true)
	end)
end

-- Waits until f gives a true value, which it gives back.
function tap.until_true(what, f)
	for _ = 1, 500 do
		local value = f()
		if value then
			return value
		end
		skynet.sleep(1)
	end
	error("waited in vain for " .. what, 2)
end

return tap
