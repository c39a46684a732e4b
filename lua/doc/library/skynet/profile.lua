---@meta skynet.profile
-- Made by lua/doc/generate.py out of lua/doc/ref/profile.ref: edit it there.

---Time that a task or coroutine has spent running, without what it waited.
---@class skynet.profile
local profile = {}

---Begins to measure.
---
---* Raises `Thread P start profile more than once`
---* Since 0.1.0.
---@param co? thread the present one if it is nil
function profile.start(co) end

---Ends it and returns the time.
---
---* Raises `Call profile.start() before profile.stop()`
---* Since 0.1.0.
---@param co? thread
---@return number seconds
function profile.stop(co) end

---`coroutine.resume`, as it is from now on.
---
---* Since 0.1.0.
---@param co thread
---@param ... any
---@return boolean ok
---@return any ...
function profile.resume(co, ...) end

---`coroutine.wrap`, as it is from now on.
---
---* Since 0.1.0.
---@param f function
---@return function resume
function profile.wrap(f) end

return profile
