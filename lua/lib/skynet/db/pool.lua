-- SPDX-License-Identifier: MIT
-- skynet.db.pool: connections of any data base, as many as are needed up to a limit, each lent to
-- one task at a time.
--
-- Whoever finds none free waits in a line, which has a limit too. A connection that fell idle is
-- asked whether it still lives before it is lent again. A call that is late costs its connection:
-- nobody knows what would arrive on it. Connections end with the pool, and with the service.
local skynet = require "skynet"
local socket_error = require "skynet.socketchannel".error

local pool = {}
pool.__index = pool

local function close(self, c)
	if not c.closed then
		c.closed = true
		pcall(self.close_one, c.db)
	end
end

-- Runs f(...) for at most cs centiseconds: true and its results; false and what it raised; or nil
-- when it is late, and goes on alone.
local function within(cs, f, ...)
	if not cs then
		return pcall(f, ...)
	end
	local token, results = {}, nil
	skynet.fork(function(...)
		results = table.pack(pcall(f, ...))
		skynet.wakeup(token)
	end, ...)
	skynet.sleep(cs, token)
	if results then
		return table.unpack(results, 1, results.n)
	end
	return nil
end

-- ---- lending ----

-- A place for one connection more is free: the first who waits gets it, or the connection itself.
local function hand_over(self, c)
	local w = self.line[self.first]
	while w do
		self.line[self.first] = nil
		self.first = self.first + 1
		if not w.gone then
			self.waiting = self.waiting - 1
			w.done, w.c = true, c
			skynet.wakeup(w)
			return
		end
		w = self.line[self.first]
	end
	if c then
		c.since = skynet.now()
		table.insert(self.idle, c)
	else
		self.size = self.size - 1
	end
end

-- Whether the program lets it be lent again.
local function reusable(self, c)
	local f = self.reusable
	if not f then
		return true
	end
	local ok, yes = pcall(f, c.db)
	return ok and yes
end

-- Gives back what was lent. broken: it is closed.
local function give_back(self, c, broken)
	if broken or self.closed or not reusable(self, c) then
		close(self, c)
		c = nil
	end
	hand_over(self, c)
end

-- Whoever has waited in vain is not waited for; those at the head of the line are forgotten. What
-- was handed over to a task that was killed before it ran goes to the next.
local function leave_line(self, w)
	if w.done then
		if not w.taken and not w.why then
			hand_over(self, w.c)
		end
		return
	end
	w.gone = true
	self.waiting = self.waiting - 1
	while self.line[self.first] and self.line[self.first].gone do
		self.line[self.first] = nil
		self.first = self.first + 1
	end
end

-- Waits in the line. Returns a connection, or nil: there is room to make one.
local function line_up(self, cs)
	if self.waiting >= self.waiters then
		error(("db.pool: %d tasks wait for a connection already"):format(self.waiting), 4)
	end
	local w = {}
	self.last = self.last + 1
	self.line[self.last] = w
	self.waiting = self.waiting + 1
	local guard <close> = setmetatable({}, { -- also when this task is killed
		__close = function()
			leave_line(self, w)
		end,
	})
	skynet.sleep(cs, w)
	w.taken = true
	if not w.done then
		local text = "db.pool: no connection was free within %.2f s; all %d are in use"
		error(text:format(cs / 100, self.max), 4)
	elseif w.why then
		error(w.why, 4)
	end
	return w.c
end

-- Makes a connection in a place that is ours already. Gives the place back if there is none.
local function make(self, cs)
	local fresh, kept, over
	local guard <close> = setmetatable({}, { -- also when this task is killed
		__close = function()
			over = true
			if not kept then
				if fresh ~= nil then
					pcall(self.close_one, fresh)
				end
				hand_over(self, nil)
			end
		end,
	})
	local ok, why = within(cs, function()
		fresh = self.connect()
		if over then
			pcall(self.close_one, fresh)
		end
	end)
	if ok == nil then
		error(("db.pool: no connection within %.2f s"):format(cs / 100), 4)
	elseif not ok then
		error(why, 0)
	elseif fresh == nil then
		error("db.pool: the function connect returned no connection", 4)
	end
	kept = true
	return { db = fresh }
end

-- Whether a connection that fell idle still answers. It is closed, and its place free, if this task
-- is killed meanwhile.
local function answers(self, c, cs)
	local lives
	local guard <close> = setmetatable({}, {
		__close = function()
			if lives == nil then
				close(self, c)
				hand_over(self, nil)
			end
		end,
	})
	lives = within(cs, self.ping, c.db) or false
	return lives
end

-- A connection that nobody else has. Raises when there is none in time; the place is that of the
-- program that called the pool, which is two functions above.
local function take(self, cs)
	if self.closed then
		error("db.pool: the pool is closed", 3)
	end
	local till = skynet.now() + cs
	local c = table.remove(self.idle)
	if not c and self.size < self.max then
		self.size = self.size + 1
	elseif not c then
		c = line_up(self, cs)
	end
	if c and self.ping and c.since and skynet.now() - c.since >= self.idle_time then
		if not answers(self, c, math.max(till - skynet.now(), 1)) then
			close(self, c)
			c = nil
		end
	end
	c = c or make(self, math.max(till - skynet.now(), 1))
	c.since = nil
	if self.closed then
		give_back(self, c, true)
		error("db.pool: the pool is closed", 3)
	end
	return c
end

-- ---- what programs call ----

-- wait: centiseconds for a connection. timeout: for the call, unless it is nil. till: for both.
local function lend(self, wait, timeout, till, f, ...)
	local c = take(self, wait)
	local broken = true
	local guard <close> = setmetatable({}, { -- also when this task is killed
		__close = function()
			give_back(self, c, broken)
		end,
	})
	timeout = till and math.max(till - skynet.now(), 1) or timeout
	local results = table.pack(within(timeout, f, c.db, ...))
	local ok = results[1]
	if ok then
		broken = false
		return table.unpack(results, 2, results.n)
	elseif ok == nil then
		local limit = till and wait or timeout
		error(("db.pool: no result within %.2f s"):format(limit / 100), 2)
	end
	broken = results[2] == socket_error
	error(results[2], 0)
end

-- Lends a connection to f for one call: f(db, ...). Returns what f does, raises what f raises.
function pool:use(f, ...)
	return lend(self, self.wait, self.timeout, nil, f, ...)
end

-- The same, for at most cs centiseconds in all.
function pool:within(cs, f, ...)
	if math.type(cs) ~= "integer" or cs < 1 then
		error("db.pool: within needs a number of centiseconds above 0", 2)
	end
	return lend(self, cs, nil, skynet.now() + cs, f, ...)
end

-- One method of a connection: pool:call("get", key) is db:get(key) of one that is free.
function pool:call(name, ...)
	return self:use(function(db, ...)
		local f = db[name]
		if not f then
			error(("db.pool: a connection has no method '%s'"):format(name), 0)
		end
		return f(db, ...)
	end, ...)
end

-- Connections, those that are idle, and tasks that wait.
function pool:stat()
	return { size = self.size, idle = #self.idle, waiting = self.waiting }
end

-- Closes all that is idle, and what is lent when it comes back. Who waits is told.
function pool:close()
	self.closed = true
	for _, c in ipairs(self.idle) do
		close(self, c)
		self.size = self.size - 1
	end
	self.idle = {}
	for i = self.first, self.last do
		local w = self.line[i]
		self.line[i] = nil
		if w and not w.gone then
			w.done, w.why = true, "db.pool: the pool is closed"
			skynet.wakeup(w)
		end
	end
	self.first, self.last, self.waiting = 1, 0, 0
end

function pool:__gc()
	if self.idle then
		self:close()
	end
end

local M = {}

local function number(conf, name, default)
	local v = conf[name]
	if v == nil then
		return default
	elseif math.type(v) ~= "integer" or v < 1 then
		local text = "db.pool: %s must be an integer above 0, it is %s"
		error(text:format(name, tostring(v)), 3)
	end
	return v
end

-- new { connect =, close =, ping =, reusable =, max =, wait =, timeout =, idle =, waiters = }
function M.new(conf)
	if type(conf) ~= "table" or type(conf.connect) ~= "function" then
		error("db.pool: new needs a table with a function connect, for a connection", 2)
	end
	return setmetatable({
		connect = conf.connect,
		close_one = conf.close or function(db)
			db:disconnect()
		end,
		ping = conf.ping,
		reusable = conf.reusable,
		max = number(conf, "max", 8),
		wait = number(conf, "wait", 500),
		timeout = number(conf, "timeout", nil),
		idle_time = number(conf, "idle", 3000),
		waiters = number(conf, "waiters", 1024),
		size = 0,
		idle = {},
		line = {},
		first = 1,
		last = 0,
		waiting = 0,
	}, pool)
end

return M
