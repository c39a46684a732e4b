-- SPDX-License-Identifier: MIT
-- skynet.db.mysql against a real MariaDB: queries, several results, errors, types, prepared
-- statements, logins, a server that is killed, packets of more than 16 MiB.
local skynet = require "skynet"
local channel_error = require "skynet.socketchannel".error
local mysql = require "skynet.db.mysql"
local tap = require "tap"
local server = require "mysql_server"
local equal, raises = tap.equal, tap.raises

if not server.there() then
	print "ok 1 - mysql # SKIP mariadb-server is not installed"
	print "1..1"
	require "skynet.manager"
	skynet.start(function() skynet.abort() end)
	return
end

local s, db

local function connect(opts)
	opts = opts or {}
	opts.host, opts.port, opts.user = "127.0.0.1", s.port, opts.user or "root"
	return mysql.connect(opts)
end

local function good(r)
	return r.badresult and error(r.err, 2) or r
end

local function bad(r, errno, sqlstate)
	assert(r.badresult == true and r.err ~= "", "no error")
	equal(r.errno, errno)
	equal(r.sqlstate, sqlstate)
end

local function lost(f, ...)
	local ok, why = pcall(f, ...)
	assert(not ok and why == channel_error, tostring(why))
end

tap.run {
	{ "connects, and says what server it is", function()
		s = server.start()
		db = connect { charset = "utf8mb4", on_connect = function(d)
			good(d:query "create database if not exists game")
			good(d:query "use game")
		end }
		assert(db:server_ver():find "MariaDB")
		equal(db:ping().affected_rows, 0)
		equal(db:query "select database() d"[1].d, "game")
	end },
	{ "statements without rows: what they changed, the id, the message", function()
		good(db:query [[create table t (id int auto_increment primary key, a varchar(9),
			b blob)]])
		local r = good(db:query "insert into t (a) values ('one'), ('two')")
		equal(r.affected_rows, 2)
		equal(r.insert_id, 1)
		equal(r.warning_count, 0)
		equal(r.server_status & 2, 2)
		equal(r.message, "Records: 2  Duplicates: 0  Warnings: 0")
		r = good(db:query "update t set a = 'one' where id = 1")
		equal(r.affected_rows, 1) -- found, not changed
		equal(db:query "set @x = 1".message, nil)
	end },
	{ "rows by name and as arrays; NULL is absent; no rows are an empty table", function()
		local r = db:query "select id, a, b from t order by id"
		equal(#r, 2)
		equal(math.type(r[1].id), "integer")
		equal(r[2].a, "two")
		equal(r[1].b, nil)
		equal(#db:query "select * from t where id = 77", 0)
		db:set_compact_arrays(true)
		r = db:query "select id, b, a from t order by id"
		db:set_compact_arrays(false)
		equal(r[1][1], 1)
		equal(r[1][2], nil)
		equal(r[1][3], "one")
	end },
	{ "types of the text protocol", function()
		local r = db:query [[select cast(-5 as signed) i,
			cast(18446744073709551615 as unsigned) u,
			1.25 d,
			cast(1.5 as double) f, cast('2026-11-26' as date) day, 
			cast('-100:00:01' as time) t,
			cast('2026-11-26 01:02:03.5' as datetime(1)) dt, 
			'text' s, null n, repeat('x', 70000) l]][1]
		equal(r.i, -5)
		equal(r.u, 18446744073709551615.0)
		equal(r.d, 1.25)
		equal(r.f, 1.5)
		equal(r.day, "2026-11-26")
		equal(r.t, "-100:00:01")
		equal(r.dt, "2026-11-26 01:02:03.5")
		equal(r.s, "text")
		equal(r.n, nil)
		equal(r.l, ("x"):rep(70000))
	end },
	{ "several results, and an error after the first", function()
		local r = db:query "select 1 a; set @x = 2; select 3 c"
		equal(r.multiresultset, true)
		equal(#r, 3)
		equal(r[1][1].a, 1)
		equal(r[2].affected_rows, 0)
		equal(r[3][1].c, 3)
		r = db:query "select 1 a; select * from nowhere; select 3"
		bad(r, 1146, "42S02")
		equal(r.multiresultset, true)
		equal(r[1][1].a, 1)
		equal(#r, 1)
	end },
	{ "errors are tables, and the connection goes on", function()
		bad(db:query "selekt", 1064, "42000")
		equal(db:query "selekt".multiresultset, nil)
		equal(db:query "select 7 x"[1].x, 7)
	end },
	{ "an error in the middle of the rows", function()
		good(db:query "create table n (v int)")
		good(db:query "insert into n values (1), (2), (3)")
		bad(db:query [[select (select v from n where v >= m.v
			and v < m.v + if(m.v = 2, 2, 1))
			from n m]], 1242, "21000")
		equal(db:query "select 7 x"[1].x, 7)
	end },
	{ "quote_sql_str keeps every byte", function()
		equal(mysql.quote_sql_str "a'b\"c\\d\0\b\n\r\t\26", [['a\'b\"c\\d\0\b\n\r\t\Z']])
		local all = {}
		for i = 0, 255 do all[#all + 1] = string.char(i) end
		all = table.concat(all)
		good(db:query("insert into t (a, b) values ('bytes', _binary "
			.. mysql.quote_sql_str(all) .. ")"))
		equal(db:query "select b from t where a = 'bytes'"[1].b, all)
	end },
	{ "tasks share the connection, in order", function()
		local done = 0
		for i = 1, 100 do
			skynet.fork(function()
				equal(db:query("select " .. i .. " x")[1].x, i)
				done = done + 1
			end)
		end
		tap.until_true("all answers", function() return done == 100 end)
	end },
	{ "prepared: what prepare returns, and parameters of each type", function()
		local st = good(db:prepare "select ? a, ? b, ? c, ? d, ? e, ? f")
		equal(st.param_count, 6)
		equal(st.field_count, 6)
		equal(st.warning_count, 0)
		equal(#st.params, 6)
		equal(st.fields[1].name, "a")
		assert(math.type(st.prepare_id) == "integer")
		local r = good(db:execute(st, 7, 2.5, "text", true, nil, 3.0))[1]
		equal(r.a, 7)
		equal(r.b, 2.5)
		equal(r.c, "text")
		equal(r.d, 1)
		equal(r.e, nil)
		equal(r.f, 3)
		r = good(db:execute(st, math.mininteger, -0.1, "\0\255", false, "x", nil))[1]
		equal(r.a, math.mininteger)
		equal(r.b, -0.1)
		equal(r.c, "\0\255")
		equal(r.d, 0)
		equal(r.f, nil)
		for _, n in ipairs { 0, 250, 251, 65535, 65536, 70000 } do
			equal(#db:execute(st, ("s"):rep(n), 1, 1, 1, 1, 1)[1].a, n)
		end
		db:set_compact_arrays(true)
		r = db:execute(st, 1, nil, 3, nil, 5, nil)[1]
		db:set_compact_arrays(false)
		assert(r[1] == 1 and r[2] == nil and r[3] == 3 and r[5] == 5)
		equal(db:stmt_reset(st).affected_rows, 0)
		db:stmt_close(st)
		bad(db:execute(st, 1, 2, 3, 4, 5, 6), 1243, "HY000")
	end },
	{ "prepared: mistakes", function()
		local st = db:prepare "select ? a"
		raises("require stmt.param_count 1 get arg_num 2", db.execute, db, st, 1, 2)
		raises("require stmt.param_count 1 get arg_num 0", db.execute, db, st)
		raises("invalid parameter type table", db.execute, db, st, {})
		equal(db:execute(st, 5)[1].a, 5)
		bad(db:prepare "selekt ?", 1064, "42000")
		st = db:prepare "insert into t (id, a) values (?, 'again')"
		bad(db:execute(st, 1), 1062, "23000")
		equal(db:execute(st, 1000).insert_id, 1000)
	end },
	{ "prepared: types of columns", function()
		good(db:query [[create table types (t tinyint, tu tinyint unsigned, sm smallint,
			su smallint unsigned,
			m mediumint, mu mediumint unsigned, i int, iu int unsigned,
			b bigint, bu bigint unsigned, f float,
			d double, dec_ decimal(20,4), y year, da date, ti time,
			tf time(3), dt datetime, df datetime(6), ts timestamp null,
			c char(3), v varchar(9), bl blob, bi bit(9),
			e enum('x','y'), s set('p','q'), js json)]])
		good(db:query [[insert into types values (-1, 255, -2, 65535, -3, 16777215, -4,
			4294967295, -5, 9223372036854775807,
			1.5, 2.25, 12345.6789, 2026, '2026-11-26', '-838:59:58',
			'01:02:03.045', '2026-11-26 00:00:00',
			'2026-11-26 01:02:03.000004', '2026-11-26 01:02:03',
			'abc', 'v', 'bl', b'100000001', 'y', 'p,q', '{"a":1}')]])
		good(db:query "set sql_mode = ''")
		good(db:query [[insert into types (da, dt, df, ti)
			values ('0000-00-00', '0000-00-00', '2026-11-26', '00:00:00')]])
		local sql = "select * from types"
		local text, binary = good(db:query(sql)), good(db:execute(db:prepare(sql)))
		equal(#binary, 2)
		for i = 1, 2 do
			for k, v in pairs(text[i]) do
				if binary[i][k] ~= v then
					error(("%s: %s by query, %s by execute"):format(k, v,
						tostring(binary[i][k])))
				end
			end
			for k in pairs(binary[i]) do
				assert(text[i][k] ~= nil, k)
			end
		end
		equal(binary[1].mu, 16777215)
		equal(binary[1].iu, 4294967295)
		equal(math.type(binary[1].m), "integer")
		equal(binary[2].da, "0000-00-00")
		equal(binary[1].tf, "01:02:03.045")
	end },
	{ "prepared: several results of a procedure", function()
		good(db:query "create procedure two() begin select 1 a; select 2 b; end")
		local r = good(db:execute(good(db:prepare "call two()")))
		equal(r.mulitresultset, true)
		equal(r[1][1].a, 1)
		equal(r[2][1].b, 2)
	end },
	{ "packets of 16 MiB and more, both ways", function()
		for _, n in ipairs { 0xffffff - 30, 0xffffff, 17 * 1024 * 1024 } do
			local r = good(db:query("select '" .. ("x"):rep(n) .. "' l"))
			equal(#r[1].l, n)
		end
		local st = db:prepare "select ? l"
		equal(#good(db:execute(st, ("y"):rep(0x1000000)))[1].l, 0x1000000)
	end },
	{ "passwords: right, wrong, none", function()
		good(db:query "create user u@'127.0.0.1' identified by 'secret'")
		good(db:query "grant all on game.* to u@'127.0.0.1'")
		local other = connect { user = "u", password = "secret", database = "game" }
		equal(other:query "select current_user() u"[1].u, "u@127.0.0.1")
		equal(other:query "select database() d"[1].d, "game")
		other:disconnect()
		raises("assertion failed!", other.query, other, "select 1")
		lost(connect, { user = "u", password = "wrong" })
		tap.logged "auth failed errno:1045, msg:Access denied for user 'u'@'127.0.0.1"
		tap.logged ",sqlstate:28000"
		lost(connect, { database = "nowhere" })
		raises("unknown charset 'klingon'", connect, { charset = "klingon" })
		raises("there is no host", mysql.connect, { port = 1 })
		raises("a table with the server's host expected, got nil", mysql.connect)
		raises("test_mysql.lua:", function() local _ = mysql.connect { port = 1 } end)
		raises("password is to be a text", connect, { password = 7 })
	end },
	{ "an answer larger than answer_max ends its request, not the client", function()
		local small = connect { answer_max = 100000 }
		raises("an answer is larger than 100000 bytes (answer_max)", small.query, small,
			"select repeat('x', 200000)")
		equal(small:query "select 1 a"[1].a, 1)
		small:disconnect()
	end },
	{ "a server that is killed: requests fail, then it connects, and prepares again", function()
		local st = db:prepare "select ? + 1 a"
		local other = db:prepare "select ? + 2 a"
		local failed
		skynet.fork(function()
			failed = select(2, pcall(db.query, db, "select sleep(30)"))
		end)
		tap.until_true("the query to run", function()
			return db.channel.inner.link.reading
		end)
		s:kill()
		tap.until_true("the query to fail", function() return failed end)
		equal(failed, channel_error)
		lost(db.query, db, "select 1")
		s:run()
		equal(good(db:execute(other, 1))[1].a, 3)
		equal(good(db:execute(st, 1))[1].a, 2)
		equal(db:query "select database() d"[1].d, "game") -- on_connect ran again
	end },
	{ "closing a statement whose connection is gone closes no other one", function()
		local logins, kept = 0, nil
		local other = connect { on_connect = function(d)
			logins = logins + 1
			for _ = 1, logins do
				kept = good(d:prepare "select 9 a")
			end
		end }
		local old = good(other:prepare "select 8 a")
		s:kill()
		tap.until_true("the connection to end", function()
			return not other.channel.inner.link
		end)
		s:run()
		other:stmt_close(old)
		good(other:query "select 1")
		equal(kept.prepare_id, old.prepare_id)
		equal(good(other:execute(kept))[1].a, 9)
		other:disconnect()
	end },
	{ "TLS: the server shows who it is, or there is no connection", function()
		local function tls(ssl, opts)
			opts = opts or {}
			opts.ssl = ssl
			return connect(opts)
		end
		lost(tls, true)
		tap.logged "mysql: the server has no TLS"
		s:kill()
		s:use_tls()
		s:run()
		local function cipher(d)
			local r = good(d:query "show status like 'ssl_version'")[1].Value
			d:disconnect()
			return r
		end
		equal(cipher(connect()), "")
		equal(cipher(tls { ca = s.cert, name = "localhost" }), "TLSv1.3")
		equal(cipher(tls { verify = false }), "TLSv1.3")
		lost(tls, true)
		tap.logged "certificate verify failed: self-signed certificate"
		lost(tls, { ca = s.cert })
		tap.logged "certificate verify failed: IP address mismatch"
		raises("mysql.connect: ssl has no option 'verfiy'", tls, { verfiy = false })
		db = tls({ ca = s.cert, name = "localhost" }, { database = "game", user = "u",
			password = "secret" })
		local large, st = ("y"):rep(0x1000000), good(db:prepare "select ? l")
		equal(good(db:execute(st, large))[1].l, large)
		local done = 0
		for i = 1, 50 do
			skynet.fork(function()
				equal(good(db:query("select " .. i .. " x"))[1].x, i)
				done = done + 1
			end)
		end
		tap.until_true("all answers", function() return done == 50 end)
	end },
	{ "the end", function()
		db:disconnect()
		s:stop()
	end },
}
