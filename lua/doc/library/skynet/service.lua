---@meta skynet.service
-- Made by lua/doc/generate.py out of lua/doc/ref/service.ref: edit it there.

---Services by name whose code is a function. There is one of a name on each node.
---@class skynet.service
local service = {}

---Returns the service of that name. If there is none it is started: `f(...)` runs in it, then the
---function that `f` gave to `skynet.start`. A service that has ended is started again.
---
---```lua run=named
---local skynet = require "skynet"
---local service = require "skynet.service"
---
---skynet.start(function()
---	local counter = service.new("counter", function(from)
---		local skynet = require "skynet"
---		local n = from
---		skynet.start(function()
---			skynet.dispatch("lua", function()
---				n = n + 1
---				skynet.retpack(n)
---			end)
---		end)
---	end, 10)
---	print(skynet.call(counter, "lua"), service.query "counter" == counter)
---	print(service.close "counter", service.close "counter")
---end)
---```
---```output
---11	true
---true	false
---```
---
---* Raises why it failed to start; all later calls raise the same until `service.close(name)`
---* Raises `the function of a service has one upvalue, _ENV`
---* Since 0.1.0.
---@async
---@param name string
---@param f function the code of the service, which may use globals and nothing else from outside
---@param ... any its arguments, which must be serializable
---@return integer handle
function service.new(name, f, ...) end

---Returns the service of that name, and waits until somebody starts it.
---
---* Raises why it failed to start
---* Since 0.1.0.
---@async
---@param name string
---@return integer handle
function service.query(name) end

---Ends the service. One that failed to start may be started again afterwards.
---
---* Since 0.1.0.
---@async
---@param name string
---@return boolean closed false when there is none
function service.close(name) end

return service
