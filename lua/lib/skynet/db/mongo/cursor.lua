-- SPDX-License-Identifier: MIT
-- skynet.db.mongo.cursor: what a query finds, in batches that are fetched when they are needed.
local bson = require "bson"

local cursor = {}
cursor.__index = cursor

local M = {}

-- sort{ k = 1 }, or sort({ k1 = 1 }, { k2 = -1 }) in this order.
local function ordered(first, ...)
	if select("#", ...) == 0 then
		return first
	end
	local t, n = {}, 0
	for _, part in ipairs { first, ... } do
		local k, v = next(part)
		t[n + 1], t[n + 2] = k, v
		n = n + 2
	end
	return bson.encode_order(table.unpack(t, 1, n))
end

function cursor:sort(...)
	self.order = ordered(...)
	return self
end

function cursor:skip(n)
	self.skipped = n
	return self
end

function cursor:limit(n)
	self.most = n
	return self
end

function cursor:hint(x)
	self.hinted = x
	return self
end

function cursor:maxTimeMS(n)
	self.time = n
	return self
end

function cursor:batchSize(n)
	self.batch = n
	return self
end

-- Appends the option if there is one.
local function add(t, key, value)
	if value ~= nil then
		local n = #t
		t[n + 1], t[n + 2] = key, value
	end
end

local function find(self)
	local t = { "filter", self.query, "sort", self.order or {}, "projection", self.projection }
	add(t, "skip", self.skipped)
	add(t, "limit", self.most)
	add(t, "hint", self.hinted)
	add(t, "maxTimeMS", self.time)
	add(t, "batchSize", self.batch)
	return self.db:runCommand("find", self.name, table.unpack(t))
end

local function stages(self, with_range)
	local t = table.move(self.pipeline, 1, #self.pipeline, 1, {})
	local function stage(name, value)
		if value ~= nil then
			t[#t + 1] = { [name] = value }
		end
	end
	stage("$sort", self.order)
	if with_range then
		stage("$skip", self.skipped)
		stage("$limit", self.most)
	end
	return t
end

local function aggregate(self, pipeline)
	local t = {}
	for k, v in pairs(self.options) do
		add(t, k, v)
	end
	if self.options.cursor == nil then
		add(t, "cursor", { batchSize = self.batch })
	end
	add(t, "hint", self.hinted)
	add(t, "maxTimeMS", self.time)
	return self.db:runCommand("aggregate", self.name, "pipeline", pipeline, table.unpack(t))
end

local function run(self)
	return self.pipeline and aggregate(self, stages(self, true)) or find(self)
end

-- The documents of a batch. Raises the server's error.
local function take(self, r, name)
	local c = r.cursor
	if r.ok ~= 1 then
		self.id = 0
		error(r.errmsg or r["$err"] or "mongo: the server refuses the query", 0)
	elseif type(c) ~= "table" or type(c[name]) ~= "table" or math.type(c.id) ~= "integer" then
		self.id = 0
		error("mongo: the server's answer has no " .. name, 0)
	end
	self.id, self.docs, self.at = c.id, c[name], 1
	self.got = self.got + #self.docs
	if self.id ~= 0 and (self.most or 0) > 0 and self.got >= self.most then
		self:close()
	end
end

-- Whether there is another document. Raises the server's error.
function cursor:hasNext()
	while not self.docs[self.at] do
		if not self.id then
			take(self, run(self), "firstBatch")
		elseif self.id ~= 0 then
			local t = { "collection", self.name }
			add(t, "batchSize", self.batch)
			take(self, self.db:runCommand("getMore", bson.int64(self.id),
				table.unpack(t)), "nextBatch")
		else
			return false
		end
	end
	return true
end

-- The next document, of which hasNext has said that it is there.
function cursor:next()
	local doc = self.docs[self.at]
	if doc == nil then
		error("Call hasNext first", 2)
	end
	self.docs[self.at] = nil
	self.at = self.at + 1
	return doc
end

-- The server forgets the query. What has arrived can still be read.
function cursor:close()
	local id = self.id
	self.id = 0
	if id and id ~= 0 then
		M.kill(self.db, self.name, id)
	end
end

cursor.__close = cursor.close

local function count_found(self, with_range)
	local t = { "query", self.query }
	if with_range then
		add(t, "skip", self.skipped)
		add(t, "limit", self.most)
	end
	add(t, "hint", self.hinted)
	add(t, "maxTimeMS", self.time)
	local r = self.db:runCommand("count", self.name, table.unpack(t))
	if r.ok ~= 1 then
		error(r.errmsg or "mongo: the server cannot count", 0)
	end
	return r.n
end

local function count_aggregated(self, with_range)
	local t = stages(self, with_range)
	t[#t + 1] = { ["$count"] = "n" }
	local r = aggregate(self, t)
	local c = { id = 0, got = 0 }
	take(c, r, "firstBatch")
	return c.docs[1] and c.docs[1].n or 0
end

-- How many documents there are, without regard to skip and limit unless with_range is true.
function cursor:count(with_range)
	return (self.pipeline and count_aggregated or count_found)(self, with_range)
end

local function new(db, name)
	return setmetatable({ db = db, name = name, docs = {}, at = 1, got = 0 }, cursor)
end

-- A cursor over what a query finds in the collection.
function M.find(db, name, query, projection)
	local self = new(db, name)
	self.query, self.projection = query or {}, projection or {}
	return self
end

-- A cursor over what a pipeline makes of the collection.
function M.aggregate(db, name, pipeline, options)
	local self = new(db, name)
	self.pipeline, self.options = pipeline, options or {}
	return self
end

return M
