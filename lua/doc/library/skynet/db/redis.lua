---@meta skynet.db.redis
-- Made by lua/doc/generate.py out of lua/doc/ref/redis.ref: edit it there.

---A client of Redis. Each connection is one object, and many tasks may use it at once: their requests
---are sent as they come and answered in that order. It connects anew when it was lost, with its
---password and data base.
---
---
---
---Replies: a state (`OK`) and a string of bytes are strings, a number is an integer, an array is a
---table, null is nil. What the server calls an error is raised as a text that ends with the server's,
---behind the place in the program; an array with an error in it is raised as the table, the text at
---its place. A lost connection raises `socketchannel.error`: whether the command was carried out is
---not known then. The next command connects again.
---
---A command that blocks (`BLPOP`) holds up all that follow on its connection: give it one of its own.
---@class skynet.db.redis
local redis = {}

---@class skynet.db.redis.connect.conf
---@field host string
---@field port? integer 6379
---@field auth? string the password
---@field username? string the user (ACL) whose password it is
---@field db? integer the data base to select
---@field overload? function as in `socketchannel.channel`
---@field timeout? integer centiseconds that a connection and an answer may take; nil: for ever. Not in skynet
---@field maxreply? integer most bytes of one reply; 512 MiB if it is nil. Not in skynet
---@field ssl? boolean|table true: in TLS or not at all, and the server shows who it is; a table: in TLS with the options of `skynet.db.tls`. Not in skynet
---@field readonly? boolean says READONLY, for the replicas of a cluster. Not in skynet

---Connects to a server.
---
---* Raises `redis: there is no host`
---* Raises `socketchannel.error` when there is no connection, or the server refuses the password or the data base; the log says why
---* Since 0.1.0.
---@async
---@param conf skynet.db.redis.connect.conf
---@return skynet.db.redis.client db
function redis.connect(conf) end

---Connects for subscriptions. A subscriber that nobody keeps is closed.
---
---* Raises as `redis.connect`
---* Since 0.1.0.
---@async
---@param conf table as for `redis.connect`
---@return skynet.db.redis.watch watch
function redis.watch(conf) end

---@class skynet.db.redis.client
local db = {}

---Sends many commands at once and waits for all the answers.
---
---* Raises `pipeline is null` for no commands
---* Raises the error of the last command, without `resp`
---* Since 0.1.0.
---@async
---@param ops table of `{ name, argument ... }`, without holes
---@param resp? table
---@return any answers `resp`, to which `{ ok =, out = }` was appended for each command; without `resp` the reply of the last command
function db:pipeline(ops, resp) end

---Whether the key exists.
---
---* Since 0.1.0.
---@async
---@param key string
---@return boolean exists
function db:exists(key) end

---Whether a set has the member.
---
---* Since 0.1.0.
---@async
---@param key string
---@param member any
---@return boolean is
function db:sismember(key, member) end

---A command with a time of its own, for the connection and then for the answer. Who is late raises. If
---it was the command's turn the server is silent: the connection ends, and the next command makes a
---new one. Otherwise a command before it is slow, and the answer will be read and dropped.
---
---* Raises `socket: no answer from ... within ... s`
---* Since 0.1.0, not in skynet.
---@async
---@param cs integer centiseconds
---@param name string of the command
---@param ... any arguments
---@return any reply
function db:within(cs, name, ...) end

---Closes the connection. The object is none any more.
---
---* Since 0.1.0.
function db:disconnect() end

---@class skynet.db.redis.watch
local watch = {}

---Subscribes, and does not wait for the answer.
---
---* May wait: for the connection
---* Since 0.1.0.
---@async
---@param ... string channels
function watch:subscribe(...) end

---Subscribes to patterns, and does not wait for the answer.
---
---* May wait: for the connection
---* Since 0.1.0.
---@async
---@param ... string patterns
function watch:psubscribe(...) end

---Ends subscriptions.
---
---* May wait: for the connection
---* Since 0.1.0.
---@async
---@param ... string channels; none: all of them
function watch:unsubscribe(...) end

---Ends subscriptions to patterns.
---
---* May wait: for the connection
---* Since 0.1.0.
---@async
---@param ... string patterns; none: all of them
function watch:punsubscribe(...) end

---Waits for the next message. When the connection is lost it makes a new one, as often as it takes,
---with all subscriptions; what was published meanwhile is lost, as Redis keeps nothing.
---
---* Raises `socketchannel.error` after `watch:disconnect`
---* Since 0.1.0.
---@async
---@return string data
---@return string channel
---@return string|nil pattern that the channel matched
function watch:message() end

---Closes the connection. The object is none any more.
---
---* Since 0.1.0.
function watch:disconnect() end

return redis
