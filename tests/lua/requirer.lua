-- SPDX-License-Identifier: MIT
-- Requires things in its main chunk and tells what came of it.
local skynet = require "skynet"

local told = {}
package.preload.main_module = function(name, extra)
	told.name, told.extra = name, extra
	skynet.init(function() told.order = (told.order or "") .. "init " end)
	told.yields = coroutine.isyieldable()
	return { value = 1 }
end
told.first = require "main_module"
told.again = require "main_module" == told.first
told.where = select(2, pcall(require, "no.such.module"))
skynet.init(function() told.order = told.order .. "second " end)

skynet.start(function()
	told.order = told.order .. "start"
	skynet.dispatch("lua", function() skynet.retpack(told) end)
end)
