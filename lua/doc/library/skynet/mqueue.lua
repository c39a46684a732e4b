---@meta skynet.mqueue
-- Made by lua/doc/generate.py out of lua/doc/ref/mqueue.ref: edit it there.

---Messages that are served strictly one at a time, by a protocol of their own. It is kept for old
---programs; `skynet.queue` does more.
---@class skynet.mqueue
local mqueue = {}

---Sets the handler. Messages that came before wait for it.
---
---* Raises `mqueue.register was called already`
---* Since 0.1.0.
---@param f function `f(...)` serves a message, and its results are the answer
function mqueue.register(f) end

---Sends a request of this kind and waits for the answer.
---
---* Raises the callee's error with its text
---* Since 0.1.0.
---@async
---@param addr integer|string
---@param ... any
---@return any ...
function mqueue.call(addr, ...) end

---Sends a message of this kind.
---
---* Since 0.1.0.
---@param addr integer|string
---@param ... any
---@return integer|boolean|nil sent
function mqueue.send(addr, ...) end

---How many messages wait.
---
---* Since 0.1.0.
---@return integer waiting without the one that is served
function mqueue.size() end

return mqueue
