---@meta skynet.harbor
-- Made by lua/doc/generate.py out of lua/doc/ref/harbor.ref: edit it there.

---Global names, and the links between nodes. A global name is 1 to 63 bytes of printable UTF-8 without
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
---@return integer fence the number of the registration: later ones have higher numbers
function harbor.register(name, handle) end

---Gives a global name up.
---
---* Raises `call failed: WHY` when it is not that service's, or a 0 is not this node's to say
---* Since 0.1.0, not in skynet.
---@async
---@param name string
---@param handle? integer the owner; this service if it is nil. 0, whoever owns it, is for a service of this node, and on the master's node for any: `harborctl names --release` asks there
---@return boolean ok
function harbor.release(name, handle) end

---Hands a global name over. It is one change: nobody sees the name without an owner, and who sends to
---it reaches the old owner or the new one. The new owner need not ask for it; a name that is handed to
---a handle that no service has is free at once. `from` 0 is for people: the owner that did not ask for
---it is told by its `harbor.watch`.
---
---* Raises `call failed: no such name`
---* Raises `call failed: the name belongs to another service`
---* Raises `call failed: the node of the new owner is not in the cluster` when it is dead, or cut off from the master
---* Raises `call failed: WHY` when the master gives no answer within `cluster.name_wait` (10 s); it may be done all the same
---* Since 0.1.0, not in skynet.
---@async
---@param name string
---@param to integer handle of the new owner, a service of any node of the cluster
---@param from? integer the owner, of this node; this service if it is nil. 0, whoever owns it, is for a service of this node, and on the master's node for any: `harborctl names --transfer` asks there
---@return boolean ok
---@return integer fence the number of the new owner's registration
function harbor.transfer(name, to, from) end

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

---Tells the number of a name's registration, and whose it is. An owner knows its own from
---`harbor.register`; the one to whom a name was handed asks here.
---
---* May wait: with `ask`
---* Raises `call failed: WHY` when the master does not answer
---* Since 0.1.0, not in skynet.
---@async
---@param name string
---@param ask? boolean asks the master instead of what this node knows just now
---@return integer|nil fence the number of the registration that holds; nothing when nobody has it
---@return integer|nil handle its owner
function harbor.fence(name, ask) end

---Checks the number that somebody shows. A lower one than this node knows is refused and the one that
---it knows is taken without asking anybody; of a higher one the master is asked. So who checks never
---takes an older number after a newer one, and a node that is cut off together with the old owner goes
---on serving that one, until it hears of another. Who would rather refuse then asks each time.
---
---* May wait: for a number that is new to this node, and with `ask`
---* Raises `call failed: WHY` when the master must be asked and does not answer
---* Since 0.1.0, not in skynet.
---@async
---@param name string
---@param fence integer
---@param ask? boolean asks the master each time
---@return boolean ok true: this is the registration that holds; false: there is a later one, or none
function harbor.check(name, fence, ask) end

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

---Has a function called whenever messages are given up together with the node that they were for: it
---is dead, was out of reach for `cluster.dead_after`, or has given this node up. `id` is its harbor
---id. `sent` messages had been sent and were not acknowledged, so they may have arrived or not;
---`unsent` never left this node. A link that only breaks loses nothing, and calls are told by their
---errors as well. On a single node nothing is ever lost.
---
---* Since 0.1.0, not in skynet.
---@param f function `f(id, sent, unsent, why)`, in a task of its own
function harbor.watchlost(f) end

---Waits until the connection to the master is lost.
---
---* Raises `call failed: WHY` on a single node
---* Since 0.1.0.
---@async
function harbor.linkmaster() end

return harbor
