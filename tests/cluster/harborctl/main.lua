-- SPDX-License-Identifier: MIT
-- A node to look at: a shop under the name that the argument gives, with requests that wait and
-- that loop.
local skynet = require "skynet"
require "skynet.manager"

local name, child = ...
local command = {}

function command.echo(...) return ... end
function command.hang() skynet.wait() end
function command.loop() while true do end end
function command.loop_for(seconds)
	local till = skynet.hpc() + seconds * 1000000000
	repeat until skynet.hpc() > till
end
function command.child(...) return skynet.address(skynet.newservice(SERVICE_NAME, name, ...)) end
function command.types(...)
	local types = { ... }
	for i, v in ipairs(types) do types[i] = math.type(v) or type(v) end
	return table.unpack(types)
end
function command.values() return nil, true, 1.5, 1 / 0, {}, { 1, 2 }, { a = { b = "c" } },
	{ 7, n = 1 }, "\xff\n", nil end
function command.fails() error "on purpose" end
function command.big(n) return ("x"):rep(n) end
function command.where(what) return what, name end

-- Answers that are none of the lua protocol, and a few that are.
local raw = {
	no_type = "\7", cut = "\x1cab", never_closed = "\6", no_number = "\x1a\0\0\0",
		deep = ("\x0e"):rep(100000),
	nothing = "", hole = "\x1e\x0a\1\0\x0a\3\0",
}

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		if what == "raw" then
			return skynet.ret(raw[...])
		end
		skynet.retpack(command[what](...))
	end)
	if not child then
		skynet.register ".shop"
		skynet.register(name .. "SHOP")
	end
end)
