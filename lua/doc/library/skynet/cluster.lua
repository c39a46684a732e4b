---@meta skynet.cluster
-- Made by lua/doc/generate.py out of lua/doc/ref/cluster.ref: edit it there.

---Calls to services of other nodes by the node's name, on the wire of skynet's `cluster`. The names
---and addresses are in a Lua file that `cluster` in the configuration (`env: { cluster: FILE }` in
---YAML) points to, or in a table given to `cluster.reload`:
---
---
---
---A call to a node that is frozen, or cut off, ends: when nothing has come from the node for ten
---seconds while a call waits, it is asked for a name, as any node of skynet is by `cluster.query`, and
---if no answer comes within ten more its connection is closed and all calls over it fail. A node that
---works on a call for an hour answers meanwhile. `__heartbeat` (seconds) takes the place of the ten,
---and then idle nodes are asked, too; with `__heartbeat = false` a call waits for as long as the node
---is frozen, as in skynet.
---
---The options `__reconnect` (true: a lost connection is tried again by itself) and `__key` (a secret
---that both nodes must know) are not in skynet, and off unless they are set. The key is neither
---encryption nor a signature of what follows.
---@class skynet.cluster
local cluster = {}

---Calls a service of another node. A node that is not in the configuration is waited for, unless
---`__nowaiting` is set.
---
---A node that calls itself, for the example:
---
---```lua run=itself
---local skynet = require "skynet"
---local cluster = require "skynet.cluster"
---
---skynet.start(function()
---	local _, port = cluster.open(0)
---	cluster.reload { here = "127.0.0.1:" .. port }
---	cluster.register("adder", skynet.newservice "adder")
---	print(cluster.call("here", "@adder", 20, 22))
---end)
---```
---```output
---42
---```
---
---* Raises `call failed: WHY` when it failed there, or the connection was lost
---* Raises `dest address type (nil) must be a string or number. (WHY)` when the node is absent, down or refuses
---* Since 0.1.0.
---@async
---@param node string
---@param address integer|string a handle there, `"@name"` registered there, or another name of that node such as `".launcher"`
---@param ... any
---@return any ... what the service answered
function cluster.call(node, address, ...) end

---The same, with a deadline.
---
---* Raises `call failed: timeout`
---* Raises the errors of `cluster.call`
---* Since 0.1.0, not in skynet.
---@async
---@param ti integer centiseconds, connecting and waiting for the node included
---@param node string
---@param address integer|string
---@param ... any
---@return any ...
function cluster.calltimeout(ti, node, address, ...) end

---Sends a message. Nobody hears what becomes of it but the log.
---
---* Since 0.1.0.
---@param node string
---@param address integer|string
---@param ... any
function cluster.send(node, address, ...) end

---Asks for the handle that is registered there under that name.
---
---* Raises the errors of `cluster.call`
---* Since 0.1.0.
---@async
---@param node string
---@param name string
---@return integer handle
function cluster.query(node, name) end

---Lets other nodes connect.
---
---* Raises `call failed: WHY` when it cannot listen, or the name has no address
---* Since 0.1.0.
---@async
---@param port integer|string a port on all addresses, or the name of this node in the configuration
---@param maxclient? integer 1024 if it is nil
---@return string ip
---@return integer port the actual one
function cluster.open(port, maxclient) end

---Gives a service a name by which other nodes reach it as `"@name"`. A service has one; a new name
---replaces the one before.
---
---* Raises `call failed: WHY` when the name is in use
---* Since 0.1.0.
---@async
---@param name string
---@param handle? integer this service if it is nil
function cluster.register(name, handle) end

---Takes that name back.
---
---* Since 0.1.0.
---@async
---@param name string
function cluster.unregister(name) end

---Changes the addresses of nodes.
---
---* Raises `call failed: WHY` for a wrong address
---* Since 0.1.0.
---@async
---@param config? table merged with what is known; without it the file is read again
function cluster.reload(config) end

---Makes a local service that passes on what it gets to the one there.
---
---* Raises `call failed: WHY`
---* Since 0.1.0.
---@async
---@param node string the node, or `"node@name"`, `"node.name"`
---@param address? integer|string
---@return integer handle of a local service
function cluster.proxy(node, address) end

---The service that holds the connection.
---
---* May wait: until the node is known and answers
---* Raises the errors of `cluster.call`
---* Since 0.1.0.
---@async
---@param node string
---@return integer handle of the service with the connection to that node
function cluster.get_sender(node) end

---A snax object of a service there, which has called `snax.enablecluster()`.
---
---* Raises the errors of `cluster.call` and `snax.bind`
---* Since 0.1.0.
---@async
---@param node string
---@param name string
---@param handle? integer
---@return table object
function cluster.snax(node, name, handle) end

return cluster
