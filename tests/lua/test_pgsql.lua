-- SPDX-License-Identifier: MIT
-- skynet.db.pgsql against a real PostgreSQL: queries, several results, errors, types, parameters,
-- prepared statements, logins, a server that is killed.
local skynet = require "skynet"
local channel_error = require "skynet.socketchannel".error
local pgsql = require "skynet.db.pgsql"
local tap = require "tap"
local server = require "pgsql_server"
local equal, raises = tap.equal, tap.raises

if not server.there() then
	print "ok 1 - pgsql # SKIP the package postgresql is not installed"
	print "1..1"
	require "skynet.manager"
	skynet.start(function() skynet.abort() end)
	return
end

local s, db

local function connect(opts)
	opts = opts or {}
	opts.host, opts.port = opts.host or "127.0.0.1", s.port
	opts.user = opts.user or "postgres"
	return pgsql.connect(opts)
end

local function good(r)
	return r.badresult and error(r.err, 2) or r
end

local function bad(r, code)
	assert(r.badresult == true and r.message ~= "" and r.err == r.message, "no error")
	equal(r.code, code)
	equal(r.sqlstate, code)
	return r
end

local function lost(f, ...)
	local ok, why = pcall(f, ...)
	assert(not ok and why == channel_error, tostring(why))
end

tap.run {
	{ "connects, and says what server it is", function()
		s = server.start()
		db = connect { on_connect = function(d)
			good(d:query "set search_path to game, public")
		end }
		assert(tonumber(db:server_ver():match "^%d+") >= 13, db:server_ver())
		equal(db:ping().affected_rows, 0)
		equal(good(db:query "create schema game").command, "CREATE SCHEMA")
		equal(db:query "select current_schema d"[1].d, "game")
		local other = connect { host = s.dir } -- a unix socket
		equal(other:query "select current_user u"[1].u, "postgres")
		other:disconnect()
	end },
	{ "statements without rows: what they were, and what they changed", function()
		good(db:query "create table t (id serial primary key, a varchar(9), b bytea)")
		local r = good(db:query "insert into t (a) values ('one'), ('two')")
		equal(r.affected_rows, 2)
		equal(r.command, "INSERT")
		equal(good(db:query "update t set a = 'one' where id = 1").affected_rows, 1)
		equal(good(db:query "delete from t where id = 77").affected_rows, 0)
		equal(good(db:query "").command, "")
		r = good(db:query "insert into t (a) values ('three') returning id")
		equal(r[1].id, 3)
	end },

	{ "the end", function()
		db:disconnect()
		s:stop()
	end },
}
