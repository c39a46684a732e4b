---@meta skynet.queue
-- Made by lua/doc/generate.py out of lua/doc/ref/queue.ref: edit it there.


---Makes a critical section. Tasks enter in the order in which they come; a task that is inside may
---enter again. `section` waits for its turn, and raises what `f` raises, with a traceback if that is a
---text. A task that is killed inside lets the next one in.
---
---```lua run=queue
---local skynet = require "skynet"
---local queue = require "skynet.queue"
---
---skynet.start(function()
---	local section, left, me = queue(), 2, coroutine.running()
---	for _, name in ipairs { "a", "b" } do
---		skynet.fork(section, function()
---			print(name, "enters")
---			skynet.sleep(1)
---			print(name, "leaves")
---			left = left - 1
---			if left == 0 then
---				skynet.wakeup(me)
---			end
---		end)
---	end
---	skynet.wait(me)
---end)
---```
---```output
---a	enters
---a	leaves
---b	enters
---b	leaves
---```
---
---* Since 0.1.0.
---@return fun(f:function,...:any):any section `section(f, ...)` runs `f(...)` alone and returns its results
local function queue() end

return queue
