-- SPDX-License-Identifier: MIT
-- Services that the test makes, and functions of skynet.harbor that it calls for itself or for
-- them.
local skynet = require "skynet"
require "skynet.manager"
local harbor = require "skynet.harbor"

local what = ...
if what == "owner" then
	local losses = {}
	local command = {
		losses = function() return losses end,
		register = function(name) return select(2, harbor.register(name)) end,
		transfer = function(name, to) return select(2, harbor.transfer(name, to)) end,
	}
	skynet.start(function()
		harbor.watch(function(name, winner)
			losses[#losses + 1] = name .. " " .. winner
		end)
		skynet.dispatch("lua", function(_, _, f, ...)
			skynet.retpack(command[f](...))
		end)
	end)
	return
end

local command = {}
local watch = { seen = 0, gone = 0, errors = 0, handles = {} }

local function value(ok, ...)
	if not ok then
		return false, tostring((...))
	end
	return true, ...
end

-- A function of skynet.harbor: true and its values, or false and why not.
function command.harbor(f, ...)
	local args = table.pack(...)
	for i = 1, args.n do
		args[i] = math.tointeger(args[i]) or args[i]
	end
	return value(pcall(harbor[f], table.unpack(args, 1, args.n)))
end

function command.owner()
	return skynet.newservice(SERVICE_NAME, "owner")
end

function command.tell(handle, ...)
	return value(pcall(skynet.call, math.tointeger(handle), "lua", ...))
end

function command.kill(handle)
	skynet.kill(math.tointeger(handle))
	return true
end

-- Asks for the name all the time, until command.watched asks for the sums.
function command.watch(name)
	watch.on = true
	for _ = 1, 4 do
		skynet.fork(function()
			while watch.on do
				for _ = 1, 50 do
					local handle = harbor.find(name)
					watch.seen = watch.seen + 1
					if handle then
						watch.handles[handle] = true
					else
						watch.gone = watch.gone + 1
					end
				end
				if not pcall(skynet.call, name, "lua", "losses") then
					watch.errors = watch.errors + 1
				end
				skynet.yield()
			end
		end)
	end
	return true
end

function command.watched()
	watch.on = false
	local n = 0
	for _ in pairs(watch.handles) do
		n = n + 1
	end
	return watch.seen, watch.gone, watch.errors, n
end

-- The name goes to the other owner and back, n times. Returns how often the number grew.
function command.pass(name, mine, other, n)
	local grew, last = 0, 0
	mine, other = math.tointeger(mine), math.tointeger(other)
	for _ = 1, n do
		for _, step in ipairs { { mine, other }, { other, mine } } do
			local fence = skynet.call(step[1], "lua", "transfer", name, step[2])
			grew = grew + (fence > last and 1 or 0)
			last = fence
		end
	end
	return grew
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, f, ...)
		skynet.retpack(command[f](...))
	end)
	skynet.register ".probe"
end)
