---@meta skynet.db.pool
-- Made by lua/doc/generate.py out of lua/doc/ref/pool.ref: edit it there.

---Connections of any data base, as many as are needed up to a limit, each lent to one task at a time:
---`skynet.db.redis`, `skynet.db.mysql`, `skynet.db.pgsql`, or what else has a `connect`. For commands
---that block, for transactions, and where one connection is not enough. skynet does not have it.
---
---
---
---A server that dies fails the calls that are under way; those that come later connect again, and fail
---at once as long as it is gone.
---@class skynet.db.pool
local pool = {}

---@class skynet.db.pool.new.conf
---@field connect function returns a new connection, or raises
---@field close? function `close(db)`; `db:disconnect()` unless it is given
---@field ping? function `ping(db)` raises if the connection is dead
---@field reusable? function `reusable(db)` is asked when a connection comes back, and must not wait; if it does not return true the connection is closed. For one that may be left with a transaction open: `function(c) return c:transaction() == "idle" end`
---@field max? integer most connections; 8
---@field wait? integer centiseconds in which a connection must be had; 500
---@field timeout? integer centiseconds that a call may take; nil: for ever
---@field idle? integer centiseconds after which an idle connection is asked by `ping` first; 3000
---@field waiters? integer most tasks that wait for a connection; 1024

---Makes a pool. It connects with the first call. It is closed when nobody keeps it, and with the
---service.
---
---* Since 0.1.0, not in skynet.
---@param conf skynet.db.pool.new.conf
---@return skynet.db.pool.pool pool
function pool.new(conf) end

---@class skynet.db.pool.pool
local pool = {}

---Lends a connection for one call of a function.
---
---* Raises `db.pool: no connection was free within ... s`
---* Raises `db.pool: ... tasks wait for a connection already`
---* Raises `db.pool: no connection within ... s` when `connect` is late
---* Raises `db.pool: no result within ... s` when `f` is late; its connection is closed
---* Raises `db.pool: the pool is closed`
---* Raises what `f` raises; a lost connection is replaced
---* Since 0.1.0, not in skynet.
---@async
---@param f function `f(db, ...)`
---@param ... any
---@return any results of `f`
function pool:use(f, ...) end

---As `pool:use`, with a deadline of its own.
---
---* Raises as `pool:use`
---* Since 0.1.0, not in skynet.
---@async
---@param cs integer centiseconds for all of it: to get a connection, and the call
---@param f function `f(db, ...)`
---@param ... any
---@return any results of `f`
function pool:within(cs, f, ...) end

---The method `name` of a connection that is free.
---
---* Raises as `pool:use`; `db.pool: a connection has no method 'NAME'`
---* Since 0.1.0, not in skynet.
---@async
---@param name string
---@param ... any
---@return any results
function pool:call(name, ...) end

---What the pool holds.
---
---* Since 0.1.0, not in skynet.
---@return table counts `{ size =, idle =, waiting = }`: connections, those that are idle, tasks that wait
function pool:stat() end

---Closes what is idle now, and what is lent when it comes back. Tasks that wait for a connection are
---told.
---
---* Since 0.1.0, not in skynet.
function pool:close() end

return pool
