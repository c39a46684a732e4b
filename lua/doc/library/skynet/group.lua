---@meta skynet.group
-- Made by lua/doc/generate.py out of lua/doc/ref/group.ref: edit it there.

---Services of many nodes under one name: all of them, one at random, the nearest, or the one for a
---key. Every node knows the members, so asking waits for nobody; joining and leaving is agreed with
---the master as a name is. A member goes with its service and with its node, comes back with a node
---that was only cut off, and outlives a restart of the master. A group's name is 1 to 53 bytes as
---those of `skynet.harbor`, has nothing to do with a global name that reads the same, and there is no
---group without members. All memberships and global names of a cluster together are 65,536 at most.
---@class skynet.group
local group = {}

---Makes a service a member. It may be one of several groups; to join again changes nothing.
---
---* Raises `Invalid group name N: 1 to 53 bytes, no number, no ':' or '.' in front`
---* Raises `call failed: WHY` when the master gives no answer within `cluster.name_wait` (10 s); it is no member then
---* Since 0.1.0, not in skynet.
---@async
---@param name string
---@param handle? integer a service of this node; this one if it is nil
---@return boolean ok
function group.join(name, handle) end

---Ends a membership. Who ends need not leave.
---
---* Raises `call failed: no such name` when it is no member
---* Raises `call failed: WHY` when the master gives no answer
---* Since 0.1.0, not in skynet.
---@async
---@param name string
---@param handle? integer
---@return boolean ok
function group.leave(name, handle) end

---The members, a new table each time.
---
---* Raises `Invalid group name N: 1 to 53 bytes, no number, no ':' or '.' in front`
---* Since 0.1.0, not in skynet.
---@param name string
---@return table handles of all members that this node knows, in their order
function group.members(name) end

---Tells every member that there is and that comes or goes. Of one that comes and goes in between two
---calls of `f` nothing is told.
---
---* Raises `Invalid group name N: 1 to 53 bytes, no number, no ':' or '.' in front`
---* Since 0.1.0, not in skynet.
---@param name string
---@param f function `f("join", handle)` or `f("leave", handle)`, one after the other in a task of its own; an error is logged, and the next change is told all the same
---@return function stop ends it
function group.watch(name, f) end

---One at random. Nodes that drain (`harborctl drain`) are left out, unless all members are there.
---
---* Since 0.1.0, not in skynet.
---@param name string
---@return integer|nil handle nothing when there are no members
function group.random(name) end

---One of this node, at random if it has several; if it has none, one of the node to which a message
---takes the shortest time, as its heartbeats measure it. A node without a link comes last. Nodes that
---drain are left out, unless all members are there.
---
---* Since 0.1.0, not in skynet.
---@param name string
---@return integer|nil handle nothing when there are no members
function group.nearest(name) end

---The one for a key: the same on every node that knows the same members. When a member comes or goes
---only the keys that it has, or had, change hands; a node that begins to drain changes nothing, until
---its members move or leave. What must have one owner at a time even while the
---nodes learn of a change needs a name and its number (`harbor.check`).
---
---* Since 0.1.0, not in skynet.
---@param name string
---@param key string|integer
---@return integer|nil handle nothing when there are no members
function group.pick(name, key) end

---Sends a message of type "lua" to every member; it is packed once. There are no answers.
---
---* Since 0.1.0, not in skynet.
---@param name string
---@param ... any what `skynet.send` takes behind `"lua"`
---@return integer n how many members were sent it
function group.send(name, ...) end

return group
