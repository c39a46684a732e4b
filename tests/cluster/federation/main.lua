-- SPDX-License-Identifier: MIT
-- The start service of each node of this test: runs what it is told, answers other clusters, counts
-- what comes of its calls.
local skynet = require "skynet"
local cluster = require "skynet.cluster"
local harbor = require "skynet.harbor"
require "skynet.manager"

local command, kept = {}, {}
local env = setmetatable(
	{ skynet = skynet, cluster = cluster, harbor = harbor, kept = kept, command = command },
	{ __index = _G })

-- Runs the text with the rest as `...`; answers its results.
function command.eval(text, ...) return assert(load(text, "=eval", "t", env))(...) end
function command.echo(...) return ... end
function command.raise(text) error(text, 0) end
function command.slow(ti, ...) skynet.sleep(ti) return ... end
function command.hang() kept.hanging = (kept.hanging or 0) + 1 skynet.wait {} end
function command.size(text) return #text end
function command.big(n) return ("b"):rep(n) end
function command.trace(_) return skynet.tracetag() end
function command.node() return skynet.getenv "nodename" end
function command.keep(...) kept[#kept + 1] = table.concat({ ... }, " ") end
function command.kept() return table.concat(kept, ",") end
function command.busy(seconds) local till = os.clock() + seconds while os.clock() < till do end end

-- Numbers to another cluster, one every 2 centiseconds, until kept.enough.
function command.count(to, address)
	kept.numbers, kept.enough = 0, false
	while not kept.enough do
		kept.numbers = kept.numbers + 1
		cluster.send(to, address, "keep", kept.numbers)
		skynet.sleep(2)
	end
end

-- n calls of every kind at once: how many were answered, how many failed, the last reason.
function command.storm(n, ...)
	local left, good, bad, why = n, 0, 0, nil
	local me, args = {}, table.pack(...)
	for _ = 1, n do
		skynet.fork(function()
			local ok, text = pcall(cluster.call, table.unpack(args))
			good, bad = good + (ok and 1 or 0), bad + (ok and 0 or 1)
			why = not ok and text or why
			left = left - 1
			if left == 0 then skynet.wakeup(me) end
		end)
	end
	skynet.wait(me)
	return good, bad, why
end

skynet.start(function()
	skynet.dispatch("lua", function(session, _, name, ...)
		local f = assert(command[name], "unknown command")
		if session == 0 then
			f(...)
		else
			skynet.retpack(f(...))
		end
	end)
	skynet.register ".probe"
end)
