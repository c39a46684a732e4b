-- SPDX-License-Identifier: MIT
-- Says what it is told to: harborctl call .main say TEXT; tells .logger to reopen.
local skynet = require "skynet"
require "skynet.manager"

skynet.register_protocol { name = "system", id = skynet.PTYPE_SYSTEM,
	pack = function() return "" end }

local cmd = {}
function cmd.say(...) skynet.error(...) return true end
function cmd.reopen() skynet.send(".logger", "system") return true end
function cmd.logger() return skynet.localname ".logger" end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, name, ...) skynet.retpack(cmd[name](...)) end)
	skynet.register ".main"
end)
