-- SPDX-License-Identifier: MIT
-- skynet.db.mongo: a client of MongoDB. A client's fields are its data bases, theirs are
-- collections; all of them hold the client's connection, which is skynet.db.mongo.link.
local bson = require "bson"
local links = require "skynet.db.mongo.link"
local cursors = require "skynet.db.mongo.cursor"

local encode_order = bson.encode_order
local run, post, send, outcome = links.run, links.post, links.send, links.outcome

local mongo = { null = bson.null, minkey = bson.minkey, maxkey = bson.maxkey, type = bson.type }

-- ---- objects whose unknown fields are names ----

local LINK <const> = {} -- the key of the link in all of them
local PARENT <const> = {}

local client, db, collection = {}, {}, {}

-- The metatable of objects with these methods. make(self, name) is what another name stands for.
local function names(methods, make)
	return { __index = function(self, name)
		local method = methods[name]
		if method == nil and type(name) == "string" then
			return make(self, name)
		end
		return method
	end }
end

local collection_meta, db_meta, client_meta

local function new_collection(parent, name, full_name)
	return setmetatable({ [PARENT] = parent, name = name, full_name = full_name },
		collection_meta)
end

collection_meta = names(collection, function(self, name)
	return new_collection(self[PARENT], name, self.full_name .. "." .. name)
end)

function db:getCollection(name)
	return new_collection(self, name, self.name .. "." .. name)
end

db_meta = names(db, db.getCollection)

function client:getDB(name)
	return setmetatable({ [LINK] = self[LINK], name = name }, db_meta)
end

client_meta = names(client, client.getDB)

-- What mongo.enable knows of us.
local inner = { db = db }

function inner.link(self)
	return self[LINK]
end

-- Servers refuse a writeConcern here, and who waits for nothing hears nothing of that.
function cursors.kill(self, name, id)
	local link, ids = self[LINK], { bson.int64(id) }
	if link.session and link.session.active() then
		run(link, self.name, "killCursors", name, "cursors", ids)
	else
		send(link, encode_order("killCursors", name, "$db", self.name, "cursors", ids))
	end
end

-- ---- client ----

-- A client, connected and logged in. Raises the channel's error object, the log says why.
function mongo.client(conf)
	return setmetatable({ [LINK] = links.new(conf) }, client_meta)
end

function client:genId()
	return links.next_id(self[LINK])
end

function client:runCommand(...)
	return run(self[LINK], "admin", ...)
end

-- All logins end, those of connections to come too.
function client:logout()
	local link, ok = self[LINK], true
	for _, l in ipairs(link.logins) do
		ok = run(link, l.db, "logout", 1).ok == 1 and ok
	end
	link.logins = {}
	return ok
end

function client:disconnect()
	self[LINK].channel:close()
end

-- ---- data base ----

function db:runCommand(...)
	return run(self[LINK], self.name, ...)
end

function db:send_command(...)
	return post(self[LINK], self.name, ...)
end

function db:auth(user, password)
	return links.log_in(self[LINK], self.name, user, password)
end

-- ---- collection ----

local function write(self, ...)
	return outcome(self[PARENT]:runCommand(...))
end

local function post_write(self, ...)
	self[PARENT]:send_command(...)
end

local function with_id(doc)
	if doc._id == nil then
		doc._id = bson.objectid()
	end
	return doc
end

-- The array itself holds documents afterwards.
local function encode_all(docs)
	for i = 1, #docs do
		if type(docs[i]) == "table" then
			docs[i] = bson.encode(with_id(docs[i]))
		end
	end
	return docs
end

local function update_of(query, update, upsert, multi)
	return encode_order("q", query, "u", update, "upsert", upsert and true or false,
		"multi", multi and true or false)
end

local function updates_of(list)
	local t = {}
	for i, u in ipairs(list) do
		t[i] = update_of(u.query, u.update, u.upsert, u.multi)
	end
	return t
end

local function delete_of(query, single)
	return encode_order("q", query, "limit", single and 1 or 0)
end

function collection:insert(doc)
	post_write(self, "insert", self.name, "documents", { bson.encode(with_id(doc)) })
end

function collection:safe_insert(doc)
	return write(self, "insert", self.name, "documents", { bson.encode(doc) })
end

function collection:raw_safe_insert(document)
	return write(self, "insert", self.name, "documents", { document })
end

function collection:batch_insert(docs)
	post_write(self, "insert", self.name, "documents", encode_all(docs))
end

function collection:safe_batch_insert(docs)
	return write(self, "insert", self.name, "documents", encode_all(docs))
end

collection.insert_many = collection.batch_insert
collection.safe_insert_many = collection.safe_batch_insert

function collection:update(query, update, upsert, multi)
	post_write(self, "update", self.name, "updates",
		{ update_of(query, update, upsert, multi) })
end

function collection:safe_update(query, update, upsert, multi)
	return write(self, "update", self.name, "updates",
		{ update_of(query, update, upsert, multi) })
end

function collection:raw_safe_update(document)
	return write(self, "update", self.name, "updates", { document })
end

function collection:batch_update(list)
	post_write(self, "update", self.name, "updates", updates_of(list))
end

function collection:safe_batch_update(list)
	return write(self, "update", self.name, "updates", updates_of(list))
end

function collection:delete(query, single)
	post_write(self, "delete", self.name, "deletes", { delete_of(query, single) })
end

function collection:safe_delete(query, single)
	return write(self, "delete", self.name, "deletes", { delete_of(query, single) })
end

function collection:safe_batch_delete(queries, single)
	local t = {}
	for i, query in ipairs(queries) do
		t[i] = delete_of(query, single)
	end
	return write(self, "delete", self.name, "deletes", t)
end

function collection:raw_safe_delete(document)
	return write(self, "delete", self.name, "deletes", { document })
end

-- The first document that is found, or nil. Raises the server's error.
function collection:findOne(query, projection)
	local r = self[PARENT]:runCommand("find", self.name, "filter", query or {}, "limit", 1,
		"projection", projection or {})
	if r.ok ~= 1 then
		error(r.errmsg or "mongo: the server refuses the query", 2)
	end
	local c = r.cursor
	if type(c) ~= "table" or type(c.firstBatch) ~= "table" then
		error("mongo: the server's answer has no firstBatch", 2)
	end
	return c.firstBatch[1]
end

function collection:find(query, projection)
	return cursors.find(self[PARENT], self.name, query, projection)
end

function collection:aggregate(pipeline, options)
	return cursors.aggregate(self[PARENT], self.name, pipeline, options)
end

function collection:findAndModify(doc)
	local t = {}
	for k, v in pairs(doc) do
		t[#t + 1] = k
		t[#t + 1] = v
	end
	return self[PARENT]:runCommand("findAndModify", self.name, table.unpack(t))
end

-- ---- indexes ----

-- Adds a key of an index, and what the index is called by it.
local function add_key(keys, words, key, way)
	keys[#keys + 1] = key
	keys[#keys + 1] = way
	words[#words + 1] = key
	words[#words + 1] = math.type(way) == "float" and ("%.0f"):format(way) or tostring(way)
end

-- An index out of { { k1 = 1 }, "k2", unique = true }: its keys in this order, what it is called,
-- and what else is said of it.
local function index_of(model)
	local keys, words, t = {}, {}, {}
	for _, part in ipairs(model) do
		if type(part) == "table" then
			for k, v in pairs(part) do
				add_key(keys, words, k, v)
			end
		else
			add_key(keys, words, part, 1)
		end
	end
	for k, v in pairs(model) do
		if type(k) == "string" then
			t[k] = v
		end
	end
	t.key = encode_order(table.unpack(keys))
	t.name = t.name or table.concat(words, "_")
	return t
end

function collection:createIndexes(...)
	local t = { ... }
	for i = 1, #t do
		t[i] = index_of(t[i])
	end
	return self[PARENT]:runCommand("createIndexes", self.name, "indexes", t)
end

function collection:createIndex(keys, options)
	if keys[1] ~= nil then
		return self:createIndexes(keys)
	end
	local model = { keys }
	for k, v in pairs(options or {}) do
		model[k] = v
	end
	return self:createIndexes(model)
end

collection.ensureIndex = collection.createIndex

function collection:dropIndex(name)
	return self[PARENT]:runCommand("dropIndexes", self.name, "index", name)
end

function collection:drop()
	return self[PARENT]:runCommand("drop", self.name)
end

-- ---- what skynet got later ----

-- Operations on several collections at once, of MongoDB 8.0.
function client:bulkWrite(...)
	return require("skynet.db.mongo.bulk").write(inner, self, with_id, ...)
end

-- Adds db:run_transaction, for the feature "transaction".
function mongo.enable(feature)
	if feature ~= "transaction" then
		error(("mongo.enable: there is the feature transaction, no '%s'"):format(
			tostring(feature)), 2)
	end
	require("skynet.db.mongo.transaction").install(inner)
end

return mongo
