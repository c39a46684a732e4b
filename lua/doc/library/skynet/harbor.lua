---@meta skynet.harbor
-- Made by lua/doc/generate.py out of lua/doc/ref/harbor.ref: edit it there.

---Global names, and the links between nodes. A global name is 1 to 15 bytes of printable UTF-8 without
---blanks, belongs to one service of the node that registered it, and goes with that service and with
---that node. On a single node all of this works as in a cluster of one.
---@class skynet.harbor
local harbor = {}

---Registers a global name and waits for the verdict.
---
---* Raises `assertion failed! Invalid global name N`
---* Raises `call failed: WHY` when the name is taken, or the master gives no answer within `cluster.name_wait` (10 s); nothing is registered then
---* Since 0.1.0, not in skynet.
---@async
---@param name string
---@param handle? integer of this node; this service if it is nil
---@return boolean ok
---@return integer|nil number of the registration, in a cluster: later ones have higher numbers
function harbor.register(name, handle) end

---Gives a global name up.
---
---* Raises `call failed: WHY` when it is not that service's
---* Since 0.1.0, not in skynet.
---@async
---@param name string
---@param handle? integer
---@return boolean ok
function harbor.release(name, handle) end

---Registers a global name in the background. That it is taken is told by the log only.
---
---* Raises `assertion failed! Invalid global name N`
---* Since 0.1.0.
---@param name string
---@param handle? integer
function harbor.globalname(name, handle) end

---Asks for the handle of a name.
---
---* May wait: for a global name, until somebody has registered it
---* Raises `call failed: WHY` when the time is over
---* Since 0.1.0.
---@async
---@param name string a global name, or a local one with its dot
---@param timeout? integer centiseconds; without it as long as it takes. Not in skynet
---@return integer|nil handle nothing for a local name that nobody has
function harbor.queryname(name, timeout) end

---The handle of a global name, if this node knows it just now.
---
---* Since 0.1.0, not in skynet.
---@param name string
---@return integer|nil handle
function harbor.find(name) end

---Has a function called whenever a global name of this service has gone to another one: `winner` is
---its handle. That happens when this node was cut off from the master and another service took the
---name.
---
---* Since 0.1.0, not in skynet.
---@param f function `f(name, winner)`, in a task of its own
function harbor.watch(f) end

---Waits until the node of that id is not connected.
---
---* Raises `a harbor id is 0 to 255`
---* Since 0.1.0.
---@async
---@param id integer harbor id
function harbor.link(id) end

---Waits until the node of that id is connected. On a single node that never comes, and the log says
---so.
---
---* Raises `a harbor id is 0 to 255`
---* Since 0.1.0.
---@async
---@param id integer
function harbor.connect(id) end

---Waits until the connection to the master is lost.
---
---* Raises `call failed: WHY` on a single node
---* Since 0.1.0.
---@async
function harbor.linkmaster() end

return harbor
