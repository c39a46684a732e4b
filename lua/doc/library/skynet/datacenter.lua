---@meta skynet.datacenter
-- Made by lua/doc/generate.py out of lua/doc/ref/datacenter.ref: edit it there.

---A tree of values that all nodes of the cluster share. The node of the master keeps it in memory; of
---several candidates one does. From a node that drains (`harborctl drain`) the tree goes to another
---one, with all who wait for a value; no call fails. When its node dies, or stops without a drain, the
---tree is lost, and a candidate begins with an empty one: what must outlive a crash belongs in a data
---base, for a second copy here would have each `set` wait for two nodes.
---@class skynet.datacenter
local datacenter = {}

---Reads a value or a whole branch.
---
---* Raises `call failed: WHY` when the path leads through something that is no table, or the node is not reached
---* Since 0.1.0.
---@async
---@param ... any the keys of the path
---@return any value nil when there is none; a table is a copy
function datacenter.get(...) end

---Sets a value and returns the one before. Branches are made where they are missing.
---
---* Raises `call failed: WHY`
---* Since 0.1.0.
---@async
---@param ... any the keys of the path, then the value; nil deletes
---@return any old
function datacenter.set(...) end

---Returns the value, as soon as there is one.
---
---* Raises `call failed: WHY` when the path is a part of one that somebody waits for, or the other way round
---* Since 0.1.0.
---@async
---@param ... any the keys of the path
---@return any value
function datacenter.wait(...) end

return datacenter
