-- SPDX-License-Identifier: MIT
-- skynet.db.mongo.transaction: what a task does in db:run_transaction is one transaction of a
-- replica set. Each task has one at a time; its commands say which one they belong to.
local bson = require "bson"
local links = require "skynet.db.mongo.link"

local M = {}

-- The transactions of one client, each by the task that is in it.
local function new_session()
	local active = setmetatable({}, { __mode = "k" })
	local session = { tasks = active }

	function session.active()
		return active[coroutine.running()] ~= nil
	end

	-- The arguments of a command, and what says that it belongs to the task's transaction.
	function session.extend(...)
		local t = active[coroutine.running()]
		if not t then
			return ...
		end
		local all = table.pack(...)
		local more = { "lsid", t.id, "txnNumber", bson.int64(1), "autocommit", false }
		if not t.begun then
			t.begun = true
			table.move({ "startTransaction", true }, 1, 2, #more + 1, more)
		end
		table.move(more, 1, #more, all.n + 1, all)
		return table.unpack(all, 1, all.n + #more)
	end
	return session
end

-- Ends a transaction in which at least one command was sent. Returns why it has failed, or nil.
local function finish(link, ok)
	local r = links.run(link, "admin", ok and "commitTransaction" or "abortTransaction", 1)
	if ok then
		local done, why = links.outcome(r)
		return not done and why or nil
	end
end

-- Adds run_transaction to data bases. inner: what skynet.db.mongo lets us know of it.
function M.install(inner)
	-- Runs func(db) as one transaction: nil, or what func or the server has against it.
	function inner.db:run_transaction(func)
		local link, me = inner.link(self), coroutine.running()
		link.session = link.session or new_session()
		local tasks = link.session.tasks
		if tasks[me] then
			error("mongo: this task is in a transaction already", 2)
		end
		local r = links.run(link, "admin", "startSession", 1)
		if r.ok ~= 1 or type(r.id) ~= "table" then
			return r.errmsg or "mongo: the server has begun no session"
		end
		local t = { id = r.id, begun = false }
		tasks[me] = t
		local ok, why = pcall(func, self)
		if t.begun then
			local _, failed = pcall(finish, link, ok)
			if ok and failed then
				ok, why = false, failed
			end
		end
		tasks[me] = nil
		pcall(links.post, link, "admin", "endSessions", { r.id })
		if not ok then
			return why
		end
	end
end

return M
