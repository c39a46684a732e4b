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
	print "ok 1 - pgsql # SKIP the package postgresql-15 is not installed"
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

local function somebody_sleeps()
	return #good(db:query [[select 1 from pg_stat_activity where state = 'active'
		and query like 'select pg_sleep%']]) > 0
end

local function nobody_sleeps()
	tap.until_true("the server to give it up", function() return not somebody_sleeps() end)
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

	{ "rows by name and as arrays; NULL is absent; no rows are an empty table", function()
		local r = db:query "select id, a, b from t order by id"
		equal(#r, 3)
		equal(math.type(r[1].id), "integer")
		equal(r[2].a, "two")
		equal(r[1].b, nil)
		equal(#db:query "select * from t where id = 77", 0)
		equal(#db:query "select from t", 3)
		db:set_compact_arrays(true)
		r = db:query "select id, b, a from t order by id"
		db:set_compact_arrays(false)
		equal(r[1][1], 1)
		equal(r[1][2], nil)
		equal(r[1][3], "one")
	end },
	{ "values of each type, by query, with parameters, and prepared", function()
		local sql = [[select true b, false bf, (-32768)::int2 i2, 2147483647::int4 i4,
			(-9223372036854775808)::int8 i8, 1.5::float4 f4, 0.1::float8 f8,
			2::float8 whole, 'NaN'::float8 nan, '-Infinity'::float8 inf,
			12.25::numeric n, 7::numeric ni, 'NaN'::numeric nn,
			123456789012345678901234567890::numeric large,
			'\x00ff5c27'::bytea y, 'text' s, ''::text e, null n0,
			'abc'::char(5) c, 'q'::"char" q, 4294967295::oid o,
			'2026-11-26'::date d, '01:02:03.5'::time t,
			'2026-11-26 01:02:03.25'::timestamp ts, '1 day 2 hours'::interval iv,
			'{"a":1}'::jsonb j, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid u,
			'10.0.0.0/8'::inet ip, repeat('x', 70000) l]]
		local both = { good(db:query(sql)), good(db:query(sql .. " where $1 = 1", 1)),
			good(db:execute(good(db:prepare(sql)))) }
		for _, rows in ipairs(both) do
			local r = rows[1]
			equal(r.b, true)
			equal(r.bf, false)
			equal(r.i2, -32768)
			equal(r.i4, 2147483647)
			equal(r.i8, math.mininteger)
			equal(r.f4, 1.5)
			equal(r.f8, 0.1)
			equal(math.type(r.whole), "float")
			assert(r.nan ~= r.nan and r.nn ~= r.nn)
			equal(r.inf, -math.huge)
			equal(r.n, 12.25)
			equal(math.type(r.ni), "integer")
			equal(r.large, 123456789012345678901234567890.0)
			equal(r.y, "\0\255\\'")
			equal(r.s, "text")
			equal(r.e, "")
			equal(r.n0, nil)
			equal(r.c, "abc  ")
			equal(r.q, "q")
			equal(r.o, 4294967295)
			equal(r.d, "2026-11-26")
			equal(r.t, "01:02:03.5")
			equal(r.ts, "2026-11-26 01:02:03.25")
			equal(r.iv, "1 day 02:00:00")
			equal(r.j, '{"a": 1}')
			equal(r.u, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
			equal(r.ip, "10.0.0.0/8")
			equal(r.l, ("x"):rep(70000))
		end
		good(db:query "set bytea_output = escape")
		equal(db:query [[select '\x00ff5c27'::bytea y]][1].y, "\0\255\\'")
		good(db:query "reset bytea_output")
	end },
	{ "arrays are tables, both ways", function()
		local r = good(db:query [==[select array[1,2,null,4] i, array[[1,2],[3,4]] m,
			array['a"b','c\d','',' x ','NULL',null,'{}',','] s, '{}'::int[] e,
			array[true,false] b, array['\x00ff'::bytea] y, '[3:4]={7,8}'::int[] o,
			array[1.5,'Infinity'::float8] f]==])[1]
		equal(r.i[2], 2)
		equal(r.i[3], nil)
		equal(r.i[4], 4)
		equal(r.m[2][1], 3)
		local wanted = { 'a"b', 'c\\d', "", " x ", "NULL", nil, "{}", "," }
		for i = 1, 8 do
			equal(r.s[i], wanted[i])
		end
		equal(next(r.e), nil)
		equal(r.b[2], false)
		equal(r.y[1], "\0\255")
		equal(r.o[1], 7)
		equal(r.f[2], math.huge)
		local st = good(db:prepare "select $1::text[] s, $2::int[] i, $3::bytea[] y")
		wanted.n = 8
		r = good(db:execute(st, wanted, { { 1, 2 }, { 3, 4 } }, { "\0\"\\" }))[1]
		for i = 1, 8 do
			equal(r.s[i], wanted[i])
		end
		equal(r.i[2][2], 4)
		equal(r.y[1], "\0\"\\")
		equal(#good(db:query("select id from t where a = any($1)", { "one", "two" })), 2)
		local deep = {}
		deep[1] = deep
		raises("more than 6 arrays in each other", db.query, db, "select $1", deep)
	end },
	{ "several results, and an error after the first", function()
		local r = db:query "select 1 a; set search_path to game; select 3 c"
		equal(r.multiresultset, true)
		equal(#r, 3)
		equal(r[1][1].a, 1)
		equal(r[2].command, "SET")
		equal(r[3][1].c, 3)
		r = bad(db:query "select 1 a; select * from nowhere; select 3", "42P01")
		equal(r.multiresultset, true)
		equal(r[1][1].a, 1)
		equal(#r, 1)
		r = good(db:query "select 1 a; ; select 2 b")
		equal(#r, 2)
	end },
	{ "errors are tables with all that the server says; the connection goes on", function()
		local r = bad(db:query "selekt", "42601")
		equal(r.severity, "ERROR")
		equal(r.position, "1")
		equal(r.multiresultset, nil)
		equal(r.fatal, nil)
		good(db:query "create table u (k int constraint once unique check (k < 10))")
		good(db:query "insert into u values (1)")
		r = bad(db:query "insert into u values (1)", "23505")
		equal(r.constraint, "once")
		equal(r.table, "u")
		equal(r.schema, "game")
		assert(r.detail:find "already exists")
		bad(db:query("insert into u values ($1)", 77), "23514")
		bad(db:query("select $1::int", "no number"), "22P02")
		bad(db:query("select 1; select $1", 1), "42601")
		raises("a text without zero bytes", db.query, db, "select 1\0")
		raises("a text without zero bytes", db.query, db, 7)
		equal(db:query "select 7 x"[1].x, 7)
	end },
	{ "an error in the middle of the rows", function()
		bad(db:query "select 1 / (5 - i) from generate_series(1, 1000) i", "22012")
		equal(db:query "select 7 x"[1].x, 7)
	end },
	{ "100,000 rows; values of 4 MiB, both ways", function()
		local r = good(db:query "select i, 'n' || i n from generate_series(1, 100000) i")
		equal(#r, 100000)
		equal(r[77777].i, 77777)
		equal(r[77777].n, "n77777")
		local large = ("0123456789abcdef"):rep(4 * 65536) .. "end"
		assert(good(db:query("select $1::text l", large))[1].l == large)
		assert(good(db:execute(db:prepare "select $1::bytea l", large))[1].l == large)
	end },
	{ "quoted texts and names keep every character", function()
		equal(pgsql.quote_sql_str "a'b", "'a''b'")
		local all = {}
		for i = 1, 127 do all[#all + 1] = string.char(i) end
		all = table.concat(all)
		for _, v in ipairs { "on", "off" } do
			good(db:query("set standard_conforming_strings = " .. v))
			equal(db:query("select" .. pgsql.quote_sql_str(all) .. " s")[1].s, all)
		end
		good(db:query "reset standard_conforming_strings")
		raises("no zero bytes", pgsql.quote_sql_str, "\0")
		equal(db:query("select 1 as " .. pgsql.quote_name('a"B'))[1]['a"B'], 1)
		raises("is not empty", pgsql.quote_name, "")
	end },
	{ "parameters of each type; mistakes", function()
		local r = good(db:query([[select $1::int i, $2::float8 f, $3::text s, $4::bool b,
			$5::int n, $6::numeric d, $7::int8 m]], 7, 2.5, "text", true, nil, 3.0,
			math.mininteger))[1]
		equal(r.i, 7)
		equal(r.f, 2.5)
		equal(r.s, "text")
		equal(r.b, true)
		equal(r.n, nil)
		equal(r.d, 3)
		equal(r.m, math.mininteger)
		local st = good(db:prepare "select $1::float8 f, $2::bytea y, $3::int i")
		equal(st.param_count, 3)
		equal(st.params[2], 17)
		equal(st.field_count, 3)
		equal(st.fields[1].name, "f")
		equal(st.fields[3].type, 23)
		for _, f in ipairs { 0.1, math.huge, -math.huge, 1e300, -0.0, 5 } do
			equal(good(db:execute(st, f, "\0\255", true))[1].f, f)
		end
		r = good(db:execute(st, 0 / 0, "\0\255", false))[1]
		assert(r.f ~= r.f)
		equal(r.y, "\0\255")
		equal(r.i, 0)
		raises("require stmt.param_count 3 get arg_num 2", db.execute, db, st, 1, 2)
		raises("invalid parameter type function", db.execute, db, st, 1, print, 2)
		raises("invalid parameter type userdata", db.query, db, "select $1", io.stdout)
		bad(db:execute(st, 1, "y", "no number"), "22P02")
		bad(db:prepare "selekt $1", "42601")
		equal(good(db:stmt_close(st)).command, "")
		bad(db:execute(st, 1, "2", 3), "26000")
		st = good(db:prepare "insert into u values ($1)")
		equal(st.field_count, 0)
		equal(good(db:execute(st, 5)).affected_rows, 1)
		bad(db:execute(st, 5), "23505")
		local many = {}
		for i = 1, 1000 do many[i] = "$" .. i .. "::int" end
		st = good(db:prepare("select " .. table.concat(many, "+") .. " as sum"))
		for i = 1, 1000 do many[i] = i end
		equal(good(db:execute(st, table.unpack(many)))[1].sum, 500500)
	end },
	{ "tasks share the connection: requests go out together, answers in order", function()
		local st = good(db:prepare "select $1::int x")
		local done, failed = 0, 0
		for i = 1, 300 do
			skynet.fork(function()
				if i % 3 == 0 then
					equal(db:query("select " .. i .. " x")[1].x, i)
				elseif i % 3 == 1 then
					equal(db:execute(st, i)[1].x, i)
				else
					bad(db:query("select $1::int / 0", i), "22012")
					failed = failed + 1
				end
				done = done + 1
			end)
		end
		tap.until_true("all answers", function() return done == 300 end)
		equal(failed, 100)
	end },
	{ "transactions: what state they are in", function()
		equal(db:transaction(), "idle")
		good(db:query "begin")
		equal(db:transaction(), "open")
		bad(db:query "selekt", "42601")
		equal(db:transaction(), "failed")
		bad(db:query "select 1", "25P02")
		equal(db:ping().badresult, nil)
		good(db:query "rollback")
		equal(db:transaction(), "idle")
	end },
	{ "COPY to us is a text; from us it ends the connection, with a word", function()
		local r = good(db:query [[copy (select i, i * 2 from generate_series(1, 3) i)
			to stdout]])
		equal(r.command, "COPY")
		equal(r.affected_rows, 3)
		equal(r.data, "1\t2\n2\t4\n3\t6\n")
		raises("COPY ... FROM STDIN is not possible", db.query, db, "copy u from stdin")
		equal(db:query "select 7 x"[1].x, 7)
	end },
	{ "notices and notifications, also by a subscriber that the server loses", function()
		local notices, heard = {}, {}
		local other = connect {
			on_notice = function(n) notices[#notices + 1] = n end,
			on_notify = function(...) heard[#heard + 1] = { ... } end,
		}
		good(other:query [[do $$ begin raise warning 'careful %', 7; end $$]])
		equal(notices[1].severity, "WARNING")
		equal(notices[1].message, "careful 7")
		good(other:query "listen news")
		good(other:query("select pg_notify('news', $1)", "it works"))
		equal(heard[1][1], "news")
		equal(heard[1][2], "it works")
		equal(math.type(heard[1][3]), "integer")
		other.on_notice = function() error "oops" end
		good(other:query [[do $$ begin raise notice 'x'; end $$]])
		tap.logged "pgsql: a callback failed: "
		other:disconnect()
		local w = pgsql.watch { host = "127.0.0.1", port = s.port, user = "postgres" }
		local got = {}
		w:listen "News"
		w:listen "more"
		skynet.fork(function()
			while true do
				local ok, payload, channel = pcall(w.message, w)
				if not ok then
					got.over = true
					return
				end
				got[#got + 1] = channel .. ":" .. payload
			end
		end)
		local function tell(channel, payload)
			tap.until_true("the subscription", function() -- it may just be made anew
				good(db:query("select pg_notify($1, $2)", channel, payload))
				return got[#got] == channel .. ":" .. payload
			end)
		end
		tell("News", "1")
		tell("more", "")
		good(db:query [[select pg_terminate_backend(pid) from pg_stat_activity
			where pid <> pg_backend_pid() and datname is not null]])
		tell("News", "2")
		tell("more", "3")
		w:unlisten "more"
		good(db:query "select pg_notify('more', 'no')")
		tell("News", "4")
		w:disconnect()
		tap.until_true("the end", function() return got.over end)
	end },
	{ "an answer larger than answer_max ends its request, not the client", function()
		local small = connect { answer_max = 100000 }
		raises("an answer is larger than 100000 bytes (answer_max)", small.query, small,
			"select repeat('x', 200000)")
		equal(small:query "select 1 a"[1].a, 1)
		raises("an answer is larger than 100000 bytes (answer_max)", small.query, small,
			"select i from generate_series(1, 5000) i")
		equal(small:query "select 1 a"[1].a, 1)
		small:disconnect()
	end },
	{ "a request that takes too long", function()
		local other = connect { timeout = 20 }
		raises("socket: no answer from 127.0.0.1:", other.query, other,
			"select pg_sleep(20)")
		equal(other:query "select 1 a"[1].a, 1)
		nobody_sleeps()
		other:disconnect()
	end },
	{ "a request that is given up", function()
		local other, r = connect(), nil
		skynet.fork(function() r = { pcall(other.query, other, "select pg_sleep(20)") } end)
		tap.until_true("the query to run", somebody_sleeps)
		other:cancel()
		tap.until_true("its answer", function() return r end)
		bad(r[2], "57014")
		equal(other:query "select 1 a"[1].a, 1)
		skynet.fork(function() r = { pcall(other.query, other, "select pg_sleep(20)") } end)
		tap.until_true("the query to run", somebody_sleeps)
		other:disconnect()
		nobody_sleeps()
		other:cancel() -- nothing to give up
	end },
	{ "settings, another data base, the state of the server", function()
		good(db:query "create database other")
		local other = connect { database = "other", settings = { search_path = "mine",
			application_name = "test" }, compact_arrays = true }
		equal(other:query "select current_database()"[1][1], "other")
		equal(other:query "show search_path"[1][1], "mine")
		equal(other:query "show client_encoding"[1][1], "UTF8")
		other:disconnect()
		raises("assertion failed!", other.query, other, "select 1")
		lost(connect, { database = "nowhere" })
		tap.logged 'auth failed severity:FATAL, code:3D000, msg:database "nowhere" does not'
		raises("user is to be a text without zero bytes, not number", connect, { user = 7 })
		raises("password is to be a text", connect, { password = "a\0b" })
		raises("there is no user", pgsql.connect, { host = "127.0.0.1" })
		raises("there is no host", pgsql.connect, { user = "x" })
		for _, f in ipairs { pgsql.connect, pgsql.watch } do
			raises("a table with the server's host expected, got nil", f)
			raises("test_pgsql.lua:", function() local _ = f { user = "x" } end)
			raises("test_pgsql.lua:", function() local _ = f() end)
		end
	end },
	{ "passwords: by SCRAM, MD5, in full only when it is allowed; wrong ones", function()
		good(db:query [[set password_encryption = 'scram-sha-256';
			create role scram login password 'secret';
			create role plain login password 'secret';
			set password_encryption = md5; create role old login password 'secret']])
		s:write("pg_hba.conf", [[
			local all all trust
			host all scram all scram-sha-256
			host all old all md5
			host all plain all password
			host all all all trust
		]])
		good(db:query "select pg_reload_conf()")
		local function as(user, password, allow)
			return connect { user = user, password = password, database = "postgres",
				allow_cleartext = allow }
		end
		tap.until_true("the new rules", function()
			return not pcall(as, "scram", "wrong")
		end)
		tap.logged "msg:password authentication failed for user \"scram\""
		for _, user in ipairs { "scram", "old" } do
			local d = as(user, "secret")
			equal(d:query "select current_user u"[1].u, user)
			d:disconnect()
			lost(as, user, "wrong")
		end
		local d = as("plain", "secret", true)
		equal(d:query "select current_user u"[1].u, "plain")
		d:disconnect()
		lost(as, "plain", "secret")
		tap.logged "the server wants the password of user 'plain' in full"
		lost(as, "scram")
		tap.logged("the server wants a password for user 'scram', none was given: "
			.. "the option password of pgsql.connect")
	end },
	{ "TLS: the server shows who it is, or there is no connection", function()
		local function tls(ssl, opts)
			opts = opts or {}
			opts.ssl = ssl
			return connect(opts)
		end
		lost(tls, true)
		tap.logged "pgsql: the server has no TLS"
		s:use_tls()
		local ca = s.dir .. "/data/server.crt"
		local function encrypted(d)
			local r = good(d:query [[select version v from pg_stat_ssl
				where pid = pg_backend_pid()]])
			d:disconnect()
			return r[1].v
		end
		tap.until_true("TLS", function()
			local ok, d = pcall(tls, { ca = ca, name = "localhost" })
			return ok and encrypted(d) == "TLSv1.3"
		end)
		lost(tls, true)
		tap.logged "certificate verify failed: self-signed certificate"
		lost(tls, { ca = ca })
		tap.logged "certificate verify failed: IP address mismatch"
		equal(encrypted(tls { verify = false }), "TLSv1.3")
		equal(encrypted(connect()), nil)
		local d = tls({ ca = ca, name = "localhost" }, { host = "localhost", user = "scram",
			password = "secret", database = "postgres" })
		local large = ("0123456789abcdef"):rep(65536)
		local done = 0
		for i = 1, 50 do
			skynet.fork(function()
				local text = i % 10 == 0 and large or "x" .. i
				assert(good(d:query("select $1::text l", text))[1].l == text)
				done = done + 1
			end)
		end
		tap.until_true("all answers", function() return done == 50 end)
		equal(#good(d:query "select i from generate_series(1, 100000) i"), 100000)
		d:disconnect()
		raises("pgsql.connect: ssl has no option 'verfiy'", tls, { verfiy = false })
		raises("pgsql.connect: ssl.ca is to be a string, not a boolean", tls, { ca = true })
		raises("pgsql.connect: ssl is to be true or a table, not string", tls, "yes")
		raises("ssl.cert and ssl.key belong together", tls, { cert = ca })
		raises("SSL_CTX_load_verify_file /nowhere", tls, { ca = "/nowhere" })
	end },
	{ "TLS: a server that wants a certificate of its clients", function()
		s:write("pg_hba.conf", "local all all trust\nhostssl all all all cert\n")
		local d = connect { host = s.dir }
		good(d:query "alter system set ssl_ca_file = 'server.crt'; ")
		good(d:query "select pg_reload_conf()")
		local ssl = { ca = s.dir .. "/data/server.crt", name = "localhost" }
		local ok, other
		tap.until_true("the new rules", function()
			lost(connect, { user = "scram", database = "postgres", ssl = ssl })
			return tap.log():find("requires a valid client certificate", 1, true)
		end)
		good(d:query "create role localhost login")
		ssl.cert, ssl.key = ssl.ca, s.dir .. "/data/server.key"
		ok, other = pcall(connect, { user = "localhost", database = "postgres", ssl = ssl })
		assert(ok, other)
		equal(other:query "select current_user u"[1].u, "localhost")
		skynet.fork(pcall, other.query, other, "select pg_sleep(20)")
		local function sleeps()
			return d:query [[select count(*) n from pg_stat_activity
				where state = 'active' and query like 'select pg_sleep%']][1].n > 0
		end
		tap.until_true("the query to run", sleeps)
		other:cancel() -- in TLS, too
		tap.until_true("its end", function() return not sleeps() end)
		other:disconnect()
		s:write("pg_hba.conf", "local all all trust\nhost all all all trust\n")
		good(d:query "select pg_reload_conf()")
		d:disconnect()
	end },
	{ "a server that is killed: requests fail, then it connects, and prepares again", function()
		local st = good(db:prepare "select $1::int + 1 a")
		local other = good(db:prepare "select $1::int + 2 a")
		local failed
		skynet.fork(function()
			failed = select(2, pcall(db.query, db, "select pg_sleep(30)"))
		end)
		tap.until_true("the query to run", function()
			return db.channel.inner.link.reading
		end)
		s:kill()
		tap.until_true("the query to fail", function() return failed end)
		equal(failed, channel_error)
		lost(db.query, db, "select 1")
		s:run()
		local done = 0
		for i = 1, 20 do
			skynet.fork(function()
				equal(good(db:execute(i % 2 == 0 and other or st, i))[1].a,
					i + 1 + (i + 1) % 2)
				done = done + 1
			end)
		end
		tap.until_true("20 answers", function() return done == 20 end)
		equal(db:query "select current_schema d"[1].d, "game") -- on_connect ran again
	end },
	{ "a server that stops in order says so, to who asks and to who does not", function()
		local idle = connect()
		local r
		skynet.fork(function() r = db:query "select pg_sleep(30)" end)
		tap.until_true("the query to run", function()
			return db.channel.inner.link.reading
		end)
		s:shut_down()
		tap.until_true("the word", function() return r end)
		bad(r, "57P01")
		equal(r.severity, "FATAL")
		equal(r.fatal, true)
		tap.until_true("the end of the other", function()
			return not idle.channel.inner.link
		end)
		s:run()
		equal(idle:query "select 1 a"[1].a, 1)
		equal(db:query "select 1 a"[1].a, 1)
		idle:disconnect()
	end },
	{ "the end", function()
		db:disconnect()
		s:stop()
	end },
}
