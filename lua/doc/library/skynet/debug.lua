---@meta skynet.debug
-- Made by lua/doc/generate.py out of lua/doc/ref/debug.ref: edit it there.

---The debug protocol, which every service speaks. It is loaded with the first message of it.
---`skynet.call(address, "debug", CMD, ...)`:
---
---| command | answer |
---| --- | --- |
---| `PING` | nothing |
---| `STAT` | `{ task =, mqlen =, cpu =, message = }` |
---| `MEM` | KiB of its Lua heap |
---| `SHARED` | `{ count =, bytes =, old =, old_bytes = }`: shared code and tables that it refers to; old ones have newer versions. Not in skynet |
---| `GC` | none, so use `skynet.send`: collects all garbage, and says in the log what came of it |
---| `TASK` | stacks of its tasks; with a session, or `"init"`, the stack of that one |
---| `UNIQTASK` | the same, equal places together |
---| `KILLTASK` pattern | `"Not found"`, or nothing |
---| `INFO` ... | the result of what `skynet.info_func` set |
---| `SUPPORT` protocol | whether it serves that protocol |
---| `TRACELOG` protocol, flag | nothing: `skynet.traceproto` |
---| `TRACENEXT` n | nothing: the next n requests are traced, for `harborctl trace --next` |
---| `RUN` source, name, ... | whether it ran, and what it printed: Lua inside of the service |
---| `TERM` address | none: `skynet.term` |
---| `LINK` | never: the call fails when the service ends |
---| `EXIT` | none: `skynet.exit` |
---@class skynet.debug
local debug = {}

---Adds a command to this service.
---
---* Since 0.1.0.
---@param name string
---@param f function `f(...)`, which answers with `skynet.ret` or `skynet.retpack`
function debug.reg_debugcmd(name, f) end

return debug
