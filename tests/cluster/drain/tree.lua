-- SPDX-License-Identifier: MIT
-- Uses skynet.datacenter for the test; what waits does so in tasks of its own.
local skynet = require "skynet"
local datacenter = require "skynet.datacenter"

local command, got, writing = {}, {}, false

function command.set(value, ...)
	local words = { ... }
	words[#words + 1] = value
	return datacenter.set(table.unpack(words)) or "nothing"
end

function command.get(...)
	return datacenter.get(...)
end

-- Waits for the value; command.got tells what came.
function command.wait(...)
	local key = table.concat({ ... }, ".")
	skynet.fork(function(...)
		local ok, value = pcall(datacenter.wait, ...)
		got[key] = ok and value or "failed: " .. tostring(value)
	end, ...)
	return true
end

function command.got(key)
	return got[key]
end

-- Counts up at a key of its own until told to stop, and reads what it wrote.
function command.write(key)
	writing = true
	skynet.fork(function()
		local n = 0
		local ok, why = pcall(function()
			while writing do
				assert(datacenter.set(key, n + 1) == (n > 0 and n or nil))
				assert(datacenter.get(key) == n + 1)
				n = n + 1
			end
		end)
		got[key] = { ok, ok and n or tostring(why) }
	end)
	return true
end

function command.enough()
	writing = false
	return true
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		skynet.retpack(command[what](...))
	end)
end)
