---@meta skynet.db.redis.cluster
-- Made by lua/doc/generate.py out of lua/doc/ref/redis-cluster.ref: edit it there.

---A client of a Redis cluster. Each command goes to the node that has the slot of its key, over one
---connection a node. Where the slots are is read from the cluster, by one task at a time and once in a
---second at most.
---
---
---
---Any command is a method by its name, with a key first; `eval` and `evalsha` have their keys behind
---their number. Keys with the same text in `{braces}` share a slot. `info`, `multi`, `exec`,
---`slaveof`, `config` and `shutdown` are refused: `No way to dispatch this command to Redis Cluster`.
---Errors of the server are raised as its text alone. A command is tried up to sixteen times: after
---`MOVED` and `ASK` at the node that they name, after `TRYAGAIN`, `CLUSTERDOWN` and `LOADING` again,
---after a lost connection at another node. So a command may have been carried out twice when a
---connection was lost.
---@class skynet.db.redis.cluster
local cluster = {}

---@class skynet.db.redis.cluster.new.opt
---@field max_connections? integer 256; the one that was not used for the longest time makes room
---@field auth? string the password
---@field username? string the user (ACL). Not in skynet
---@field db? integer 0
---@field read_slave? boolean when a master cannot be reached, a replica is read
---@field timeout? integer centiseconds, as in `redis.connect`. Not in skynet
---@field maxreply? integer bytes, as in `redis.connect`. Not in skynet
---@field ssl? boolean|table as in `redis.connect`, for all nodes. Not in skynet
---@field overload? function as in `socketchannel.channel`

---Connects to a cluster and reads its slots.
---
---* Raises `Can't reach a single startup node.`
---* Since 0.1.0.
---@async
---@param startup_nodes table `{ host =, port = }`, or an array of them
---@param opt? skynet.db.redis.cluster.new.opt
---@param onmessage? function `onmessage(data, channel, pattern)`, called in a task for each node
---@return skynet.db.redis.cluster.client db
function cluster.new(startup_nodes, opt, onmessage) end

---@class skynet.db.redis.cluster.client
local db = {}

---The same as `db:name(key, ...)`.
---
---* Raises `Too many Cluster redirections?,maybe node is disconnected`
---* Raises `eval - all keys must map to the same key slot`
---* Since 0.1.0.
---@async
---@param name string
---@param key any
---@param ... any
---@return any reply
function db:call(name, key, ...) end

---Subscribes; `onmessage` gets the messages. When the node leaves the cluster, the subscription goes
---to another.
---
---* May wait: for the connection
---* Since 0.1.0.
---@async
---@param channel string by whose slot the node is chosen
---@param ... string
function db:subscribe(channel, ...) end

---Subscribes to patterns.
---
---* May wait: for the connection
---* Since 0.1.0.
---@async
---@param pattern string
---@param ... string
function db:psubscribe(pattern, ...) end

---Ends subscriptions.
---
---* May wait: for the connection
---* Since 0.1.0.
---@async
---@param channel string
---@param ... string
function db:unsubscribe(channel, ...) end

---Ends subscriptions to patterns.
---
---* May wait: for the connection
---* Since 0.1.0.
---@async
---@param pattern string
---@param ... string
function db:punsubscribe(pattern, ...) end

---The slot of a key.
---
---* Since 0.1.0.
---@param key any
---@return integer slot 0 to 16383
function db:keyslot(key) end

---A client of one node, for pipelines and commands without a key.
---
---* Since 0.1.0.
---@async
---@param node table `{ host =, port = }`
---@return skynet.db.redis.client client
function db:get_connection(node) end

---A client of the node that has the slot.
---
---* Since 0.1.0.
---@async
---@param slot integer
---@return skynet.db.redis.client client
function db:get_connection_by_slot(slot) end

---A client of any node that can be reached.
---
---* Since 0.1.0.
---@async
---@return skynet.db.redis.client client
function db:get_random_connection() end

---The subscriber at one node. Its messages go to `onmessage`.
---
---* Since 0.1.0.
---@async
---@param node table `{ host =, port = }`
---@return skynet.db.redis.watch watch
function db:get_watch_connection(node) end

---The subscriber at the node that has the slot.
---
---* Since 0.1.0.
---@async
---@param slot integer
---@return skynet.db.redis.watch watch
function db:get_watch_connection_by_slot(slot) end

---Reads the map of slots now.
---
---* Raises `Can't reach a single startup node.`
---* Since 0.1.0.
---@async
function db:initialize_slots_cache() end

---Forgets the map: the next command reads it.
---
---* Since 0.1.0.
function db:flush_slots_cache() end

---Closes connections, if there are as many as there may be, until there is room for one.
---
---* Since 0.1.0.
function db:close_existing_connection() end

---Closes all connections and subscribers. The next command connects again.
---
---* Since 0.1.0.
function db:close_all_connection() end

return cluster
