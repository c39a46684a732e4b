-- SPDX-License-Identifier: MIT
-- The start service of each node of this test: runs what it is told, and answers other nodes in
-- several ways.
local skynet = require "skynet"
local cluster = require "skynet.cluster"
require "skynet.manager"

local command, kept = {}, {}
local env = setmetatable({ skynet = skynet, cluster = cluster, kept = kept }, { __index = _G })

-- Runs the text with the rest as `...`; answers its results.
function command.eval(text, ...) return assert(load(text, "=eval", "t", env))(...) end
function command.echo(...) return ... end
function command.raise(text) error(text, 0) end
function command.slow(ti, ...) skynet.sleep(ti) return ... end
function command.hang() skynet.wait() end
function command.size(text) return #text end
function command.big(n) return ("b"):rep(n) end
function command.self() return skynet.self() end
function command.trace() return skynet.tracetag() end
function command.keep(...) kept[#kept + 1] = table.concat({ ... }, " ") end
function command.kept() return table.concat(kept, ",") end

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
