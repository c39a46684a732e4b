-- SPDX-License-Identifier: MIT
-- skynet.db.pool with connections to a real redis-server.
local skynet = require "skynet"
local redis = require "skynet.db.redis"
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

tap.run {
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
