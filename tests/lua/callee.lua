-- SPDX-License-Identifier: MIT
-- What the tests call: every way to answer, and not to.
local skynet = require "skynet"

local command, kept = {}, {}

function command.echo(...) skynet.ret(skynet.pack(...)) end
function command.args() skynet.retpack(table.unpack(kept.args)) end
function command.raise(what) error(what) end
function command.hang() skynet.wait() end
function command.forget() end
function command.exit() skynet.exit() end
function command.ret_nothing() skynet.ret() end
function command.ret_string() skynet.ret(skynet.packstring(1, "two")) end
function command.slow(ti) skynet.sleep(ti) skynet.retpack(ti) end
function command.raw_yield() coroutine.yield() end
function command.eval(source, ...) skynet.retpack(assert(load(source))(...)) end

function command.count() kept.count = (kept.count or 0) + 1 end
function command.counted() skynet.retpack(kept.count) end

-- Keeps a response for command.settle.
function command.keep() kept.response = skynet.response() end
-- Makes one that nobody keeps, and rests.
function command.lose() skynet.response() end

function command.settle(...) skynet.retpack(kept.response(...)) end

-- Hands the request on to a handle.
function command.pass(to, ...)
	local session, source = skynet.context()
	skynet.redirect(to, source, "lua", session, skynet.pack(...))
end

-- From now on every message goes to f, which raises.
function command.raw()
	skynet.retpack(true)
	require "skynet.core".callback(function() error "raw error" end)
end

function command.filter()
	skynet.retpack(true)
	skynet.filter(function() error "filter error" end, function() end)
end

function command.call(...)
	skynet.retpack(pcall(skynet.call, ...))
end

function command.call_and_close(address, ...)
	local guard <close> = setmetatable({},
		{ __close = function() skynet.send(address, "lua", "closed") end })
	skynet.call(...)
	skynet.ret()
end

kept.args = table.pack(...)
skynet.start(function()
	skynet.dispatch("lua", function(_, _, name, ...)
		command[name](...)
	end)
	skynet.info_func(function(...) return "info", ... end)
end)
