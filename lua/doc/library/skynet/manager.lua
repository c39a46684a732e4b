---@meta skynet.manager
-- Made by lua/doc/generate.py out of lua/doc/ref/manager.ref: edit it there.

---Adds functions for those who manage services to the table `skynet`, and returns it. They are there
---only after it was required.
---@class skynet.manager
local skynet = {}

---Starts a service without waiting for its start function; the launcher does not list it.
---
---* Since 0.1.0.
---@param module string the C module of the service: `"snlua"` for a Lua one, `"gate"` ...
---@param ... string its arguments, joined with spaces
---@return integer|nil handle nothing when it failed; the log says why
function skynet.launch(module, ...) end

---Ends a service of this node at once. Its callers get errors; a loop in it is broken. Nothing happens
---when it is not there.
---
---* Since 0.1.0.
---@param addr integer|string handle, `":HEX"` or local name
function skynet.kill(addr) end

---Ends all services and with them the node, with status 0.
---
---* Since 0.1.0.
function skynet.abort() end

---Gives this service a name. A local name that is taken stays with its owner, without an error. A
---global name is registered in the background; `skynet.harbor.register` waits for the verdict.
---
---* Raises `assertion failed! Invalid global name N`
---* Since 0.1.0.
---@param name string `".local"`, or a global name of 1 to 63 bytes
function skynet.register(name) end

---The same for another service of this node.
---
---* Raises `assertion failed! Invalid global name N`
---* Since 0.1.0.
---@param name string
---@param handle integer
function skynet.name(name, handle) end

---Has that service hear of every service of this node that ends: a message of the type `PTYPE_CLIENT`
---whose source is the one that ended.
---
---* Since 0.1.0.
---@async
---@param name string a unique service of the cluster
---@param query? boolean true: only ask for it, do not start it
---@return integer handle
function skynet.monitor(name, query) end

return skynet
