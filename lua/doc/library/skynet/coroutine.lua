---@meta skynet.coroutine
-- Made by lua/doc/generate.py out of lua/doc/ref/coroutine.ref: edit it there.

---Coroutines inside of a task whose bodies may call functions that wait. In those of the global
---library such a function raises; here the whole task waits and goes on inside of the coroutine.
---@class skynet.coroutine
local coroutine = {}

---Makes a coroutine.
---
---* Since 0.1.0.
---@param f function
---@return thread co
function coroutine.create(f) end

---Runs the coroutine until it yields, returns or fails.
---
---* May wait: when the body does
---* Since 0.1.0.
---@async
---@param co thread made by this module
---@param ... any
---@return boolean ok
---@return any ... what the body yields or returns, or the error: `cannot resume a skynet coroutine suspend by skynet framework` while it waits, `cannot resume none skynet coroutine` for one of another library
function coroutine.resume(co, ...) end

---Makes a coroutine that is resumed by calling a function.
---
---* Since 0.1.0.
---@param f function
---@return function resume raises what the body raises
function coroutine.wrap(f) end

---Gives control back to `resume`. Outside of a coroutine of this module the task stalls, and the log
---says so.
---
---* May wait: it suspends the coroutine, and not the task
---* Since 0.1.0.
---@async
---@param ... any
---@return any ... of the next resume
function coroutine.yield(...) end

---As Lua's, and `"blocked"` while its body waits.
---
---* Since 0.1.0.
---@param co thread
---@return "running"|"suspended"|"normal"|"dead"|"blocked" status
function coroutine.status(co) end

---Tells to which task a coroutine belongs.
---
---* Since 0.1.0.
---@param co? thread
---@return thread task that it is part of
---@return boolean itself true when it is the task
function coroutine.thread(co) end

---As Lua's.
---
---* Since 0.1.0.
---@return thread co
---@return boolean main
function coroutine.running() end

---As Lua's.
---
---* Since 0.1.0.
---@param co? thread
---@return boolean yes
function coroutine.isyieldable(co) end

---As Lua's.
---
---* Since 0.1.0.
---@param co thread
---@return boolean ok
---@return any why
function coroutine.close(co) end

return coroutine
