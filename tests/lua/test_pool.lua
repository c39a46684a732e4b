-- SPDX-License-Identifier: MIT
-- skynet.db.pool with connections to real servers of each kind; Redis is the one that tests of the
-- pool alone run on.
local skynet = require "skynet"
local redis = require "skynet.db.redis"
local mysql = require "skynet.db.mysql"
local pgsql = require "skynet.db.pgsql"
local channel_error = require "skynet.socketchannel".error
local pool = require "skynet.db.pool"
local tap = require "tap"
local server = require "redis_server"
local equal, raises = tap.equal, tap.raises

if not server.there() then
	print "ok 1 - pool # SKIP the package redis-tools is not installed"
	print "1..1"
	require "skynet.manager"
	skynet.start(function() skynet.abort() end)
	return
end

local s, made

local function new(conf)
	made = 0
	conf.connect = function()
		made = made + 1
		return redis.connect { host = "127.0.0.1", port = s.port }
	end
	return pool.new(conf)
end

local function clients(admin)
	local _, n = admin:client "list":gsub("id=", "")
	return n - 1
end

-- What the server has said with its last breath is a lost connection here.
local function good(r)
	if r.badresult then
		error(r.fatal and channel_error or r.err, 0)
	end
	return r
end

local function idle(db)
	return db:transaction() == "idle"
end

-- Of each kind: its server, how one connects, and what returns a number that it is given.
local kinds = {
	redis = {
		server = server,
		connect = function(port)
			return redis.connect { host = "127.0.0.1", port = port }
		end,
		ask = function(db, n) return tonumber(db:echo(n)) end,
		wait = function(db) db:blpop("nothing", 0) end,
	},
	mysql = {
		server = require "mysql_server",
		connect = function(port)
			return mysql.connect { host = "127.0.0.1", port = port, user = "root" }
		end,
		ask = function(db, n) return good(db:query("select " .. n .. " n"))[1].n end,
		wait = function(db) good(db:query "select sleep(60)") end,
		reusable = idle,
	},
	pgsql = {
		server = require "pgsql_server",
		connect = function(port)
			return pgsql.connect { host = "127.0.0.1", port = port, user = "postgres" }
		end,
		ask = function(db, n) return good(db:query("select $1::int n", n))[1].n end,
		wait = function(db) good(db:query "select pg_sleep(60)") end,
		reusable = idle,
	},
}

-- Deadlines, and a transaction that somebody leaves open.
local function lends(kind, p)
	local ask, function_that_waits = kind.ask, kind.wait
	equal(p:use(ask, 7), 7)
	raises("no result within 0.15 s", p.within, p, 15, function_that_waits)
	equal(p:within(500, ask, 8), 8)
	raises("a number of centiseconds above 0", p.within, p, 0, ask)
	if kind.reusable then
		local first = p:use(function(db)
			db.mark = true
			good(db:query "begin")
			return db
		end)
		equal(first:transaction(), "open")
		tap.until_true("its end", function() return first.channel.inner.closed end)
		p:use(function(db)
			equal(db.mark, nil)
			equal(db:transaction(), "idle")
		end)
	end
end

-- Whether a call may fail with that when its server dies.
local function expected(why)
	return why == channel_error or tostring(why):find "db.pool: no "
end

-- Tasks that ask all the time, while the server is killed and started again, twice. Each question
-- has its own answer, or an error that says that there is none.
local function storm(kind, s, p)
	local n, right, over, ended, failures = 0, 0, false, 0, 0
	for _ = 1, 12 do
		skynet.fork(function()
			while not over do
				n = n + 1
				local mine = n
				local ok, got = pcall(p.within, p, 300, kind.ask, mine)
				if ok then
					assert(got == mine, "an answer of another question")
					right = right + 1
				else
					failures = failures + 1
					over = over or not expected(got) and tostring(got)
					skynet.sleep(1)
				end
			end
			ended = ended + 1
		end)
	end
	local function goes_on(count)
		local from = right
		tap.until_true("right answers", function()
			return over or right >= from + count
		end)
		equal(over, false)
	end
	goes_on(200)
	for _ = 1, 2 do
		s:kill "KILL"
		local from = failures
		tap.until_true("failures", function() return over or failures > from end)
		s:run()
		goes_on(200)
	end
	over = true
	tap.until_true("the end of all", function() return ended == 12 end)
	equal(p:stat().waiting, 0)
	assert(p:stat().size <= 4 and p:stat().idle == p:stat().size)
end

local function with_each(name)
	local kind = kinds[name]
	return { name .. ": deadlines, transactions, a server that dies under load", function()
		if not kind.server.there() then
			print("# no server for " .. name)
			return
		end
		local s <const> = kind.server.start()
		local p = pool.new {
			connect = function() return kind.connect(s.port) end,
			ping = function(db) return kind.ask(db, 1) end,
			max = 4, reusable = kind.reusable, idle = 1,
		}
		local ok, why = pcall(function()
			lends(kind, p)
			storm(kind, s, p)
		end)
		p:close()
		s:stop()
		assert(ok, why)
	end }
end

tap.run {
	with_each "redis",
	with_each "mysql",
	with_each "pgsql",
	{ "connections are made when needed, up to the limit, and lent again", function()
		s = server.start()
		local p = new { max = 3 }
		equal(p:call("set", "a", 1), "OK")
		equal(p:call("get", "a"), "1")
		equal(made, 1)
		local done = 0
		for _ = 1, 20 do
			skynet.fork(function()
				p:use(function(db) db:blpop("none", 0.05) end)
				done = done + 1
			end)
		end
		tap.until_true("20 tasks", function() return done == 20 end)
		equal(made, 3)
		equal(p:stat().size, 3)
		equal(p:stat().idle, 3)
		p:close()
		raises("the pool is closed", p.call, p, "get", "a")
		tap.until_true("no connection", function()
			local admin <const> = redis.connect { host = "127.0.0.1", port = s.port }
			local n = clients(admin)
			admin:disconnect()
			return n == 0
		end)
	end },
	{ "none is free: who waits too long, or is one too many, is told; so does close", function()
		local p = new { max = 1, wait = 20, waiters = 2 }
		local out, ended = {}, nil
		skynet.fork(function()
			ended = select(2, pcall(p.use, p, function(db) db:blpop("none", 0) end))
		end)
		tap.until_true("the connection", function() return p:stat().size == 1 end)
		for i = 1, 3 do
			skynet.fork(function() out[i] = select(2, pcall(p.call, p, "get", "a")) end)
		end
		tap.until_true("three errors", function() return out[1] and out[2] and out[3] end)
		local text = "no connection was free within 0.20 s; all 1 are in use"
		assert(out[1]:find(text, 1, true), out[1])
		assert(out[3]:find("2 tasks wait for a connection already", 1, true), out[3])
		p.wait = 1000
		skynet.fork(function() out.last = select(2, pcall(p.call, p, "get", "a")) end)
		skynet.yield()
		p:close()
		tap.until_true("the word", function() return out.last end)
		equal(out.last, "db.pool: the pool is closed")
		equal(ended, nil)
		redis.connect({ host = "127.0.0.1", port = s.port }):rpush("none", "x")
		tap.until_true("the end", function() return p:stat().size == 0 end)
	end },
	{ "a task that is killed at whatever time leaves its place to others", function()
		local closed = 0
		local p = pool.new {
			max = 1, wait = 300, idle = 1,
			connect = function() skynet.sleep(5) return {} end,
			ping = function() skynet.sleep(5) end,
			close = function() closed = closed + 1 end,
		}
		local used = 0
		local function use() p:use(function() used = used + 1 end) end
		local function kill_soon()
			local task
			skynet.fork(function()
				task = coroutine.running()
				use()
			end)
			skynet.sleep(2)
			skynet.killthread(task)
		end
		kill_soon() -- it connects
		equal(p:stat().size, 0)
		use()
		tap.until_true("what nobody wants", function() return closed == 1 end)
		skynet.sleep(2)
		kill_soon() -- it asks whether the connection lives
		equal(p:stat().size, 0)
		equal(closed, 2)
		local waiter
		p:use(function()
			skynet.fork(function()
				waiter = coroutine.running()
				use()
			end)
			skynet.sleep(1)
			equal(p:stat().waiting, 1)
		end)
		skynet.killthread(waiter) -- it has been handed the connection, and has not run
		equal(p:stat().idle, 1)
		use()
		equal(used, 2)
		p:close()
	end },
	{ "what a program gets wrong is told at its line", function()
		local there = "test_pool.lua:%d+: db.pool: "
		local p = pool.new { max = 1, wait = 1, connect = function() end }
		local function fails(text, f)
			local ok, why = pcall(f)
			assert(not ok and why:find(there .. text), why)
		end
		fails("the function connect returned no connection", function()
			local _ = p:call "get"
		end)
		equal(p:stat().size, 0)
		p.connect = function() skynet.sleep(3) end
		fails("no connection within 0.01 s", function() local _ = p:call "get" end)
		p.connect, p.close_one = function() return {} end, function() end
		raises("a connection has no method 'get'", p.call, p, "get")
		p:use(function()
			fails("no connection was free", function() local _ = p:call "get" end)
		end)
		p:close()
		fails("the pool is closed", function() local _ = p:call "get" end)
	end },
	{ "a late call costs its connection; an error of the server does not", function()
		local p = new { max = 1, timeout = 20 }
		raises("ERR", p.call, p, "nonsense", "x")
		equal(made, 1)
		raises("no result within 0.20 s", p.call, p, "blpop", "nothing", 0)
		equal(p:call("ping"), "PONG")
		equal(made, 2)
		p:close()
	end },
	{ "what fell idle is asked first; what died is replaced", function()
		local pings = 0
		local p = new { max = 2, idle = 5, ping = function(db)
			pings = pings + 1
			db:ping()
		end }
		p:call("ping")
		p:call("ping")
		equal(pings, 0)
		skynet.sleep(6)
		equal(p:call("ping"), "PONG")
		equal(pings, 1)
		s:kill "KILL"
		raises("Error: socket", p.call, p, "ping")
		equal(p:stat().size, 0)
		s:run()
		equal(p:call("ping"), "PONG")
		p:close()
	end },
	{ "bad arguments; the server ends", function()
		raises("new needs a table with a function connect", pool.new, {})
		raises("max must be an integer above 0", pool.new, { connect = print, max = 0 })
		s:stop()
	end },
}
