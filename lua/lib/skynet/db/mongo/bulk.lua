-- SPDX-License-Identifier: MIT
-- skynet.db.mongo.bulk: the command bulkWrite of MongoDB 8.0, which writes into several
-- collections.
local bson = require "bson"
local links = require "skynet.db.mongo.link"

local M = {}

local makers = {}

function makers.insert(op, index, with_id)
	return bson.encode_order("insert", index, "document", with_id(op.insert))
end

function makers.update(op, index)
	return bson.encode_order("update", index, "filter", op.filter or {}, "updateMods",
		op.update, "multi", op.multi and true or false, "upsert",
		op.upsert and true or false)
end

function makers.delete(op, index)
	return bson.encode_order("delete", index, "filter", op.filter or {}, "multi",
		op.multi and true or false)
end

-- What is wrong with an operation is its caller's fault.
local function wrong(fmt, i, what)
	error(("bulkWrite: operation %d " .. fmt):format(i, what), 5)
end

-- The operations as the server has them, and the collections that they are about.
local function encode(ops, with_id)
	local out, places, index_of = {}, {}, {}
	for i, op in ipairs(ops) do
		local make, place = makers[op.op], op.collection
		if not make then
			wrong("is neither insert nor update nor delete, but %s", i, tostring(op.op))
		elseif type(place) ~= "string" or not place:find ".%.." then
			wrong("needs a collection like 'db.name'", i)
		end
		if not index_of[place] then
			places[#places + 1] = { ns = place }
			index_of[place] = #places - 1
		end
		out[i] = make(op, index_of[place], with_id)
	end
	return out, places
end

-- Adds to `failed` those of a batch that went wrong. Returns why the first one did.
local function collect(batch, failed)
	local why
	for _, item in ipairs(batch) do
		if item.ok ~= 1 then
			failed[#failed + 1] = (item.idx or 0) + 1
			why = why or item.errmsg
		end
	end
	return why
end

-- Whether all has been done; why not; the server's answer; the places in ops of what has failed.
function M.write(inner, client, with_id, ops, comment, ordered, bypass, errors_only)
	local link = inner.link(client)
	local out, places = encode(ops, with_id)
	local t = { "ops", out, "nsInfo", places, "ordered", ordered ~= false,
		"bypassDocumentValidation", bypass and true or false,
		"errorsOnly", errors_only and true or false }
	if comment ~= nil then
		t[#t + 1], t[#t + 2] = "comment", comment
	end
	local r = links.run(link, "admin", "bulkWrite", 1, table.unpack(t))
	local ok, why = links.outcome(r)
	local failed, c, name = {}, r.cursor, "firstBatch"
	while type(c) == "table" and type(c[name]) == "table" do
		why = why or collect(c[name], failed)
		if not c.id or c.id == 0 then
			break
		end
		local more = links.run(link, "admin", "getMore", bson.int64(c.id),
			"collection", "$cmd.bulkWrite")
		if more.ok ~= 1 then
			return false, more.errmsg, r, failed
		end
		c, name = more.cursor, "nextBatch"
	end
	return ok and #failed == 0, why, r, failed
end

return M
