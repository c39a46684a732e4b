-- SPDX-License-Identifier: MIT
-- skynet.db.mongo against a server on Python's standard library: bytes of the commands, writes,
-- queries, cursors, indexes, logins, a replica set, a server that is killed, pools, transactions.
local skynet = require "skynet"
local bson = require "bson"
local channel_error = require "skynet.socketchannel".error
local mongo = require "skynet.db.mongo"
local pool = require "skynet.db.pool"
local tap = require "tap"
local hex = require "hex"
local server = require "mongo_server"
local equal, raises = tap.equal, tap.raises

local s, client, db

local function connect(conf)
	conf = conf or {}
	conf.host, conf.port = "127.0.0.1", conf.port or s.port
	return mongo.client(conf)
end

local function lost(f, ...)
	local ok, why = pcall(f, ...)
	assert(not ok and why == channel_error, tostring(why))
end

local function good(ok, why, r)
	assert(ok == true and why == nil, tostring(why))
	equal(r.ok, 1)
	return r
end

-- The messages that the server has got since it was asked last.
local function messages()
	local out = {}
	for i, m in ipairs(client:runCommand("testlog").messages) do
		local _, bytes = bson.type(m)
		out[i] = bytes
	end
	return out
end

-- The last message was this document, with these flags.
local function sent(flags, ...)
	local all = messages()
	local raw = all[#all]
	local size, id, to, kind, got_flags, section, at = string.unpack("<I4I4I4I4I4B", raw)
	equal(size, #raw)
	assert(id > 0)
	equal(to, 0)
	equal(kind, 2013)
	equal(got_flags, flags)
	equal(section, 0)
	equal(hex.of(raw:sub(at)), hex.of(tostring(bson.encode_order(...))))
end

local function all(cursor)
	local list = {}
	while cursor:hasNext() do
		list[#list + 1] = cursor:next()
	end
	return list
end

local function field(list, name)
	local t = {}
	for i, doc in ipairs(list) do
		t[i] = tostring(doc[name])
	end
	return table.concat(t, " ")
end

local function order(...)
	return bson.encode_order(...)
end

local function refused(text, conf)
	local from = #tap.log()
	local ok, why = pcall(connect, conf)
	assert(not ok and why == channel_error, tostring(why))
	tap.logged(text, from)
end

tap.run {
	{ "connects and asks who is primary", function()
		s = server.start()
		client = connect()
		db = client.game
		sent(0, "ismaster", 1, "$db", "admin")
		equal(client:runCommand "ping".ok, 1)
		sent(0, "ping", 1, "$db", "admin")
		equal(db:runCommand("ping", 1, "comment", "x").ok, 1)
		sent(0, "ping", 1, "$db", "game", "comment", "x")
		local r = db:runCommand "nonsense"
		equal(r.ok, 0)
		equal(r.code, 59)
		equal(r.errmsg, "no such command: 'nonsense'")
		equal(client:genId() + 1, client:genId())
		equal(mongo.null, bson.null)
		equal(mongo.type, bson.type)
		equal(mongo.minkey, bson.minkey)
		equal(mongo.maxkey, bson.maxkey)
	end },
	{ "names: by field or by function, collections within collections", function()
		equal(client:getDB "game".name, "game")
		equal(db.a.full_name, "game.a")
		equal(db:getCollection "find.x".full_name, "game.find.x")
		equal(db.a.b.name, "b")
		equal(db.a.b.full_name, "game.a.b")
		db.a.b:findOne()
		sent(0, "find", "b", "$db", "game", "filter", {}, "limit", 1, "projection", {})
		db:getCollection "a.b":findOne()
		sent(0, "find", "a.b", "$db", "game", "filter", {}, "limit", 1, "projection", {})
	end },
	{ "writes that are not answered", function()
		local doc = { name = "ann" }
		db.player:insert(doc)
		equal(bson.type(doc._id), "objectid")
		local _, why = pcall(sent, 2, "insert", "player", "$db", "game", "documents",
			{ bson.encode(doc) }, "writeConcern", { w = 0 })
		equal(why, nil)
		equal(db.player:findOne({ name = "ann" })._id, doc._id)
		db.player:update({ name = "ann" }, { ["$set"] = { gold = 5 } })
		sent(2, "update", "player", "$db", "game", "updates", { order("q", { name = "ann" },
			"u", { ["$set"] = { gold = 5 } }, "upsert", false, "multi", false) },
			"writeConcern", { w = 0 })
		equal(db.player:findOne({ name = "ann" }).gold, 5)
		local docs = { { name = "bob" }, { name = "cid" } }
		db.player:batch_insert(docs)
		equal(type(docs[1]), "userdata")
		equal(bson.type(docs[1]:decode()._id), "objectid")
		equal(db.player:find():count(), 3)
		db.player:insert_many { { name = "dan" } }
		local function set(name, n)
			return { ["$set"] = { [name] = n } }
		end
		db.player:batch_update { { query = { name = "bob" }, update = set("x", 1) },
			{ query = {}, update = set("y", 2), multi = true },
			{ query = { name = "eve" }, update = set("x", 3), upsert = true } }
		equal(field(all(db.player:find():sort { name = 1 }), "x"), "nil 1 nil nil 3")
		equal(field(all(db.player:find():sort { name = 1 }), "y"), "2 2 2 2 nil")
		db.player:delete({ y = 2 }, true)
		equal(db.player:find({ y = 2 }):count(), 3)
		db.player:delete { y = 2 }
		sent(2, "delete", "player", "$db", "game", "deletes",
			{ order("q", { y = 2 }, "limit", 0) }, "writeConcern", { w = 0 })
		equal(db.player:find():count(), 1)
		equal(db:send_command("drop", "player").ok, 1)
		sent(2, "drop", "player", "$db", "game", "writeConcern", { w = 0 })
		equal(db.player:find():count(), 0)
	end },
	{ "writes that are answered", function()
		local c, doc = db.safe, { _id = 1, a = 1 }
		equal(good(c:safe_insert(doc)).n, 1)
		sent(0, "insert", "safe", "$db", "game", "documents", { bson.encode(doc) })
		good(c:safe_insert { a = 2 })
		local ok, why, r = c:safe_insert(doc)
		equal(ok, false)
		equal(why, "E11000 duplicate key error")
		equal(r.writeErrors[1].code, 11000)
		good(c:raw_safe_insert(bson.encode { _id = 7, a = 3 }))
		good(c:safe_batch_insert { { _id = 8 }, { _id = 9 } })
		good(c:safe_insert_many { { _id = 10 } })
		equal(c:find():count(), 6)
		equal(good(c:safe_update({ _id = 8 }, { a = 5 })).nModified, 1)
		equal(c:findOne({ _id = 8 }).a, 5)
		equal(good(c:safe_update({ _id = 77 }, { a = 6 }, true)).upserted[1].index, 0)
		equal(good(c:safe_update({}, { ["$set"] = { z = 1 } }, false, true)).n, 7)
		good(c:raw_safe_update(order("q", { _id = 9 }, "u", { ["$set"] = { z = 2 } },
			"upsert", false, "multi", false)))
		equal(c:findOne({ _id = 9 }).z, 2)
		equal(good(c:safe_batch_update { { query = { _id = 9 }, update = { q = 1 } },
			{ query = { _id = 10 }, update = { q = 1 } } }).n, 2)
		equal(good(c:safe_delete({ q = 1 }, true)).n, 1)
		sent(0, "delete", "safe", "$db", "game", "deletes",
			{ order("q", { q = 1 }, "limit", 1) })
		equal(good(c:safe_batch_delete({ { _id = 10 }, { _id = 8 } }, true)).n, 2)
		equal(good(c:raw_safe_delete(order("q", { _id = 7 }, "limit", 1))).n, 1)
		db:runCommand("testfail", 1, "insert", { ok = 1, n = 1,
			writeConcernError = { code = 64, errmsg = "waiting timed out" } })
		ok, why = c:safe_insert {}
		equal(ok, false)
		equal(why, "waiting timed out")
		db:runCommand("testfail", 1, "insert", { ok = 0, errmsg = "no disk", code = 8 })
		ok, why, r = c:safe_insert {}
		equal(ok, false)
		equal(why, "no disk")
		equal(r.code, 8)
	end },
	{ "findOne, find, and what a cursor takes", function()
		local c = db.items
		local docs = {}
		for i = 1, 10 do
			docs[i] = { _id = i, kind = i % 2, weight = 10 - i }
		end
		good(c:safe_batch_insert(docs))
		equal(c:findOne({ _id = 3 }).weight, 7)
		equal(c:findOne({ _id = 3 }, { kind = true }).weight, nil)
		equal(c:findOne { _id = 77 }, nil)
		raises("unknown operator: $no", c.findOne, c, { _id = { ["$no"] = 1 } })
		equal(field(all(c:find({ kind = 1 }):sort { weight = 1 }), "_id"), "9 7 5 3 1")
		local found = c:find():sort({ kind = -1 }, { weight = 1 }):skip(1):limit(3)
		equal(field(all(found), "_id"), "7 5 3")
		sent(0, "find", "items", "$db", "game", "filter", {}, "sort",
			order("kind", -1, "weight", 1), "projection", {}, "skip", 1, "limit", 3)
		all(c:find({ kind = 1 }, { _id = 1 }):hint("_id_"):maxTimeMS(50))
		sent(0, "find", "items", "$db", "game", "filter", { kind = 1 }, "sort", {},
			"projection", { _id = 1 }, "hint", "_id_", "maxTimeMS", 50)
		local cursor = c:find({ kind = 1 }):skip(1):limit(3):hint { _id = 1 }:maxTimeMS(9)
		equal(cursor:count(), 5)
		sent(0, "count", "items", "$db", "game", "query", { kind = 1 }, "hint", { _id = 1 },
			"maxTimeMS", 9)
		equal(cursor:count(true), 3)
		sent(0, "count", "items", "$db", "game", "query", { kind = 1 }, "skip", 1,
			"limit", 3, "hint", { _id = 1 }, "maxTimeMS", 9)
		cursor = c:find { _id = 1 }
		raises("Call hasNext first", cursor.next, cursor)
		equal(cursor:hasNext(), true)
		equal(cursor:hasNext(), true)
		equal(cursor:next()._id, 1)
		equal(cursor:hasNext(), false)
		raises("Call hasNext first", cursor.next, cursor)
		cursor = c:find { _id = { ["$no"] = 1 } }
		raises("unknown operator: $no", cursor.hasNext, cursor)
		equal(cursor:hasNext(), false)
		raises("unknown operator: $no", cursor.count, cursor)
	end },
	{ "cursors: batches, an end in time, documents that are not wanted", function()
		local c = db.items
		local cursor = c:find():batchSize(4)
		equal(cursor:hasNext(), true)
		sent(0, "find", "items", "$db", "game", "filter", {}, "sort", {}, "projection", {},
			"batchSize", 4)
		equal(db:runCommand "testopen".n, 1)
		messages()
		equal(#all(cursor), 10)
		local log = messages()
		equal(#log, 2)
		local body = bson.encode_order("getMore", bson.int64((7 << 33) + 1), "$db", "game",
			"collection", "items", "batchSize", 4)
		equal(hex.of(log[1]:sub(22)), hex.of(tostring(body)))
		equal(db:runCommand "testopen".n, 0)
		cursor = c:find():batchSize(4):limit(4)
		equal(#all(cursor), 4)
		cursor = c:find():batchSize(2)
		cursor:hasNext()
		cursor:close()
		sent(2, "killCursors", "items", "$db", "game", "cursors",
			{ bson.int64((7 << 33) + 2) })
		equal(#all(cursor), 2)
		do
			local other <close> = c:find():batchSize(2)
			other:hasNext()
			equal(db:runCommand "testopen".n, 1)
		end
		equal(db:runCommand "testopen".n, 0)
		-- A server that has more than was asked for
		db:runCommand("testfail", 1, "find", { ok = 1, cursor = { id = 99,
			ns = "game.items", firstBatch = { { a = 1 }, { a = 2 } } } })
		cursor = c:find():limit(2)
		equal(#all(cursor), 2)
		sent(2, "killCursors", "items", "$db", "game", "cursors", { bson.int64(99) })
		cursor = c:find():batchSize(2)
		cursor:hasNext()
		cursor:next()
		cursor:next()
		db:runCommand("killCursors", "items", "cursors", { bson.int64((7 << 33) + 4) })
		raises("not found", cursor.hasNext, cursor)
		for _, wrong in ipairs { {}, { cursor = 1 }, { cursor = { id = 0 } },
			{ cursor = { firstBatch = {}, id = "x" } } } do
			wrong.ok = 1
			db:runCommand("testfail", 1, "find", wrong)
			cursor = c:find()
			raises("the server's answer has no firstBatch", cursor.hasNext, cursor)
		end
		db:runCommand("testfail", 1, "find", { ok = 1 })
		raises("the server's answer has no firstBatch", c.findOne, c)
	end },
	{ "aggregate", function()
		local c = db.items
		local match = { ["$match"] = { kind = 1 } }
		local found = c:aggregate({ match }):sort({ weight = 1 }):skip(1):limit(2)
		equal(field(all(found), "_id"), "7 5")
		sent(0, "aggregate", "items", "$db", "game", "pipeline", { match,
			{ ["$sort"] = { weight = 1 } }, { ["$skip"] = 1 }, { ["$limit"] = 2 } },
			"cursor", {})
		local cursor = c:aggregate({ match }):limit(2)
		equal(cursor:count(), 5)
		equal(cursor:count(true), 2)
		equal(c:aggregate({ { ["$match"] = { kind = 9 } } }):count(), 0)
		equal(#all(c:aggregate({ match }, { cursor = { batchSize = 2 } })), 5)
		cursor = c:aggregate { { ["$nothing"] = {} } }
		raises("Unrecognized pipeline stage name: '$nothing'", cursor.hasNext, cursor)
		raises("Unrecognized pipeline stage", cursor.count, cursor)
	end },
	{ "findAndModify, drop", function()
		local c = db.items
		local r = c:findAndModify { query = { _id = 1 }, new = true,
			update = { ["$inc"] = { weight = 5 } } }
		equal(r.value.weight, 14)
		r = c:findAndModify { query = {}, remove = true, sort = { _id = -1 } }
		equal(r.value._id, 10)
		equal(c:find():count(), 9)
		equal(c:drop().ok, 1)
		sent(0, "drop", "items", "$db", "game")
		equal(c:drop().errmsg, "ns not found")
	end },
	{ "indexes", function()
		local c = db.indexed
		local function keys(name)
			for _, m in ipairs(db:runCommand("testindexes", "indexed").indexes) do
				if m.name == name then
					return m
				end
			end
		end
		equal(c:createIndex({ a = 1 }, { unique = true }).ok, 1)
		equal(keys("a_1").unique, true)
		equal(keys("a_1").key.a, 1)
		c:createIndex { { b = -1 }, "c", { d = "2d" }, unique = true, name = nil }
		local log = messages()
		assert(log[#log]:find(tostring(order("b", -1, "c", 1, "d", "2d")), 1, true))
		equal(keys("b_-1_c_1_d_2d").unique, true)
		c:createIndexes({ { e = 1.0 } }, { "f", name = "mine" })
		equal(keys("e_1").key.e, 1.0)
		equal(keys("mine").key.f, 1)
		equal(c.ensureIndex, c.createIndex)
		equal(c:dropIndex("mine").ok, 1)
		sent(0, "dropIndexes", "indexed", "$db", "game", "index", "mine")
		equal(c:dropIndex("mine").code, 27)
	end },
	{ "values of every type there and back", function()
		local doc = { _id = bson.objectid(), n = bson.null, d = bson.date(5), f = 1.5,
			i = 1 << 40, b = bson.binary "\0\1", t = bson.timestamp(4, 2),
			l = { 1, "x", { y = true } }, lo = bson.minkey, hi = bson.maxkey }
		good(db.values:safe_insert(doc))
		local back = db.values:findOne { _id = doc._id }
		assert(require "bson_bytes".same(doc, back))
	end },
	{ "many tasks share the connection", function()
		local done = 0
		for i = 1, 200 do
			skynet.fork(function()
				good(db.many:safe_insert { _id = i })
				equal(db.many:findOne({ _id = i })._id, i)
				done = done + 1
			end)
		end
		tap.until_true("200 tasks", function() return done == 200 end)
		equal(#all(db.many:find()), 200) -- in two batches
	end },
	{ "bulkWrite", function()
		local ok, why, r, failed = client:bulkWrite {
			{ op = "insert", collection = "game.b1", insert = { _id = 1 } },
			{ op = "insert", collection = "game.b2", insert = { _id = 1 } },
			{ op = "update", collection = "game.b1", filter = { _id = 1 },
				update = { ["$set"] = { x = 1 } } },
			{ op = "delete", collection = "game.b2", filter = { _id = 1 } },
		}
		equal(ok, true)
		equal(why, nil)
		equal(#failed, 0)
		equal(r.nErrors, 0)
		equal(db.b1:findOne({ _id = 1 }).x, 1)
		equal(db.b2:findOne(), nil)
		ok, why, r, failed = client:bulkWrite({
			{ op = "insert", collection = "game.b1", insert = { _id = 2 } },
			{ op = "insert", collection = "game.b1", insert = { _id = 2 } },
			{ op = "insert", collection = "game.b1", insert = { _id = 3 } },
			{ op = "insert", collection = "game.b1", insert = { _id = 3 } },
		}, "a comment", false, true, true)
		equal(ok, false)
		equal(why, "E11000 twice")
		equal(table.concat(failed, " "), "2 4")
		equal(r.nErrors, 2)
		raises("operation 1 is neither insert nor update nor delete, but nil",
			client.bulkWrite, client, { {} })
		raises("operation 1 needs a collection like 'db.name'", client.bulkWrite, client,
			{ { op = "insert", collection = "x" } })
	end },
	{ "transactions belong to their task", function()
		raises("there is the feature transaction, no 'x'", mongo.enable, "x")
		mongo.enable "transaction"
		messages()
		equal(db:run_transaction(function(d)
			equal(d, db)
			db.t:insert { _id = 1 } -- answered here
			db.t:findOne()
			local other = false
			skynet.fork(function()
				db.t:findOne()
				other = true
			end)
			tap.until_true("the other task", function() return other end)
		end), nil)
		local log = messages()
		local names = {}
		local lsid
		for i, m in ipairs(log) do
			local doc = select(2, pcall(require "bson_bytes".decode, m:sub(22)))
			for _, k in ipairs { "startSession", "insert", "find", "commitTransaction",
				"endSessions" } do
				if doc[k] then names[i] = k end
			end
			if doc.lsid then
				lsid = lsid or doc.lsid.id
				equal(doc.lsid.id, lsid)
				equal(doc.txnNumber, 1)
				equal(doc.autocommit, false)
				equal(doc.startTransaction, i == 2 or nil)
				equal(doc.writeConcern, nil)
				names[i] = names[i] .. "+"
			end
			equal(m:byte(17), names[i] == "endSessions" and 2 or 0)
		end
		equal(table.concat(names, " "),
			"startSession insert+ find+ find commitTransaction+ endSessions")
		equal(db:run_transaction(function()
			db.t:findOne()
			error("no", 0)
		end), "no")
		log = messages()
		assert(log[3]:find("abortTransaction", 1, true))
		db:runCommand("testfail", 1, "commitTransaction", { ok = 0, errmsg = "too late" })
		equal(db:run_transaction(function() db.t:findOne() end), "too late")
		messages()
		equal(db:run_transaction(function() end), nil)
		equal(#messages(), 2)
		local why = db:run_transaction(function() db:run_transaction(print) end)
		assert(why:find "this task is in a transaction already", why)
	end },
	{ "a pool of clients", function()
		local made, pings = 0, 0
		local p = pool.new {
			connect = function()
				made = made + 1
				return connect()
			end,
			ping = function(c)
				pings = pings + 1
				c:runCommand "ping"
			end,
			max = 3, idle = 5,
		}
		equal(p:call("runCommand", "ping").ok, 1)
		local done = 0
		for i = 1, 20 do
			skynet.fork(function()
				p:use(function(c)
					good(c.game.pooled:safe_insert { _id = i })
				end)
				done = done + 1
			end)
		end
		tap.until_true("20 tasks", function() return done == 20 end)
		equal(made, 3)
		equal(db.pooled:find():count(), 20)
		skynet.sleep(6)
		equal(p:call("runCommand", "ping").ok, 1)
		equal(pings, 1)
		s:kill()
		for _ = 1, 3 do
			lost(p.use, p, function(c) c:runCommand "ping" end)
		end
		s:run()
		equal(p:call("runCommand", "ping").ok, 1)
		p:close()
	end },
	{ "a server that dies: requests fail, the next one connects again", function()
		local why
		local from = #tap.log()
		s:freeze()
		skynet.fork(function()
			why = select(2, pcall(client.runCommand, client, "ping"))
		end)
		skynet.yield()
		s:kill()
		tap.until_true("the error", function() return why end)
		equal(why, channel_error)
		lost(client.runCommand, client, "ping")
		lost(db.x.insert, db.x, {})
		tap.logged("failed: Connection refused", from)
		s:run()
		good(db.x:safe_insert { _id = 1 })
		equal(db.x:findOne()._id, 1)
	end },
	{ "logins: SCRAM-SHA-1, SCRAM-SHA-256, the one before them", function()
		s:stop()
		s = server.start("--users", '{"ann": "secret", "a=b,c": "pass"}')
		for _, mod in ipairs { "scram_sha1", "scram_sha256", "mongodb_cr" } do
			local c = connect { username = "ann", password = "secret", authmod = mod }
			good(c.game.x:safe_insert { by = mod })
			c:disconnect()
			refused("socket: auth failed mongo: login of user 'ann': ",
				{ username = "ann", password = "wrong", authmod = mod })
		end
		client = connect { username = "a=b,c", password = "pass", authdb = "game" }
		equal(client.game.x:findOne({ by = "scram_sha1" }).by, "scram_sha1")
		assert(not messages()[1]:find("pass", 1, true))
		refused("mongo: login of user 'nobody': Authentication failed.",
			{ username = "nobody", password = "x" })
		refused("a password for SCRAM-SHA-256 cannot hold control characters",
			{ username = "ann", password = "a\n", authmod = "scram_sha256" })
	end },
	{ "TLS: the server shows who it is, or there is no connection", function()
		local t = server.start_tls()
		local function tls(ssl)
			return connect { port = t.port, ssl = ssl }
		end
		local from = #tap.log()
		lost(tls, true)
		tap.logged("certificate", from)
		lost(tls, { ca = t.ca }) -- for localhost, not for 127.0.0.1
		lost(connect, { port = t.port, timeout = 50 }) -- in the clear
		for _, ssl in ipairs { { ca = t.ca, name = "localhost" }, { verify = false } } do
			local c = tls(ssl)
			good(c.game.x:safe_insert { text = ("x"):rep(100000) })
			equal(#c.game.x:findOne().text, 100000)
			c.game.x:insert {}
			equal(c.game.x:find():count(), 2)
			good(c.game.x:safe_delete {})
			c:disconnect()
		end
		raises("mongo.client: ssl has no option 'verfiy'", tls, { verfiy = false })
		local c = tls { ca = t.ca, name = "localhost" }
		t:kill()
		t:run()
		tap.until_true("a new connection", function()
			return pcall(c.runCommand, c, "ping")
		end)
		c:disconnect()
		t:stop()
	end },
	{ "auth, logout; a login outlives its connection", function()
		local c = connect()
		equal(c.game:runCommand("find", "x", "filter", {}).code, 13)
		raises("requires authentication", c.game.x.findOne, c.game.x)
		local ok, why = c.game:auth("ann", "wrong")
		equal(ok, false)
		assert(why:find "Authentication failed", why)
		equal(c.game:auth("ann", "secret"), true)
		equal(c.game.x:find():count(), 3)
		s:kill()
		lost(c.runCommand, c, "ping")
		s:run()
		equal(c.game.x:find():count(), 0)
		equal(c:logout(), true)
		equal(c.game:runCommand("find", "x", "filter", {}).code, 13)
		c:disconnect()
		raises("assertion failed!", c.runCommand, c, "ping")
		client:disconnect()
	end },
	{ "a replica set: the primary is found, and found again", function()
		s:stop()
		local set, names, control = {}, {}, {}
		for i = 1, 3 do
			set[i] = server.start()
			names[i] = "127.0.0.1:" .. set[i].port
			control[i] = connect { port = set[i].port }
		end
		local function primary_is(...)
			for i, p in ipairs { ... } do
				if control[i] then
					control[i]:runCommand("testrole", 1, "ismaster", i == p,
						"hosts", names, "primary", names[p] or mongo.null)
				end
			end
		end
		local function where(c)
			return c:runCommand("testlog").ok and c:runCommand("ismaster").primary
		end
		primary_is(2, 2, 2)
		local c = mongo.client { rs = { { host = "127.0.0.1", port = set[1].port },
			{ host = "127.0.0.1", port = set[3].port } } }
		equal(where(c), names[2])
		-- another is primary now, and the old one says so
		primary_is(3, 3, 3)
		control[2]:runCommand("testfail", 1, "insert",
			{ ok = 0, code = 10107, errmsg = "not primary" })
		local ok, why = c.game.x:safe_insert {}
		equal(ok, false)
		equal(why, "not primary")
		equal(where(c), names[3])
		-- it dies; those that we were told of are asked
		primary_is(2, 2)
		set[3]:kill()
		control[3] = nil
		tap.until_true("the primary", function() -- it may not have noticed
			local ok, name = pcall(where, c)
			return ok and name == names[2]
		end)
		-- nobody knows one
		primary_is(0, 0)
		set[2]:kill()
		control[2] = nil
		local from = #tap.log()
		lost(c.runCommand, c, "ping") -- it may not have noticed
		lost(c.runCommand, c, "ping")
		tap.logged("mongo: this server is no primary, and knows none that is", from)
		-- two that send us to each other
		set[2]:run()
		control[2] = connect { port = set[2].port }
		primary_is(2, 1)
		lost(c.runCommand, c, "ping")
		primary_is(1, 1)
		equal(where(c), names[1])
		c:disconnect()
		set[3]:run()
		for _, one in ipairs(set) do
			one:stop()
		end
	end },
}
