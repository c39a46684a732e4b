-- SPDX-License-Identifier: MIT
-- The rarely used part of the skynet table; loaded when the first of it is asked for.
local skynet = require "skynet"

-- "COUNT\tsessions:[a,b]\n" -> traceback: tasks that wait at the same place are one entry.
function skynet.uniqtask()
	local list, groups = {}, {}
	skynet.task(list)
	for key, trace in pairs(list) do
		local sessions = groups[trace] or {}
		groups[trace] = sessions
		sessions[#sessions + 1] = tonumber(key:match "session: (%d+)")
	end
	local result = {}
	for trace, sessions in pairs(groups) do
		table.sort(sessions)
		local count = #sessions
		if count > 10 then
			sessions = table.move(sessions, 1, 9, 1, { [10] = "..." })
		end
		result[("%d\tsessions:[%s]\n"):format(count, table.concat(sessions, ","))] = trace
	end
	return result
end

-- Several calls at once:
--   for req, resp in skynet.request { a, "lua", "get" } { b, "lua", "get" }:select(100) do ... end
-- resp is table.pack of the answer, false for a call that failed, nil for an address of nobody.
local request = {}
request.__index = request

function request:add(req)
	assert(type(req) == "table" and req[1] and req[2],
		"a request is { address, protocol, arguments ... }")
	assert(not self.token, "select was called already")
	self[#self + 1] = req
	return self
end

request.__call = request.add

local function give(self, req, resp)
	self.last = self.last + 1
	self.answers[self.last] = { req, resp }
	if self.waiting then
		skynet.wakeup(self.token)
	end
end

local function ask(self, req)
	local r = table.pack(pcall(skynet.call, table.unpack(req, 1, req.n or #req)))
	self.tasks[req] = nil
	if r[1] then
		give(self, req, table.move(r, 2, r.n, 1, { n = r.n - 1 }))
	elseif tostring(r[2]):find "^call to invalid address" then
		table.insert(self.invalid, req)
	else
		give(self, req, false)
	end
end

local function next_answer(self)
	local req = table.remove(self.invalid)
	if req then
		self.left = self.left - 1
		return req, nil
	end
	while self.left > 0 and not self.answers[self.first] and not self.timeout do
		skynet.checkwait()
		self.waiting = true
		skynet.wait(self.token)
		self.waiting = false
	end
	local answer = self.answers[self.first]
	if not answer then
		return nil
	end
	self.answers[self.first] = nil
	self.first = self.first + 1
	self.left = self.left - 1
	return answer[1], answer[2]
end

function request:select(ti)
	assert(not self.token, "select was called already")
	skynet.checkwait()
	self.token, self.answers, self.invalid, self.tasks = {}, {}, {}, {}
	self.left, self.first, self.last = #self, 1, 0
	for _, req in ipairs(self) do
		self.tasks[req] = skynet.fork(ask, self, req)
	end
	-- Everything is sent, and who is nobody is known, before the first answer is looked at.
	skynet.fork(skynet.wakeup, self.token)
	skynet.wait(self.token)
	if ti then
		self.timer = skynet.timer(ti, function()
			self.timeout = self.left > 0
			if self.waiting then
				skynet.wakeup(self.token)
			end
		end)
	end
	return next_answer, self, nil, self
end

-- Abandons what is not answered yet.
function request:close()
	if self.timer then
		self.timer:cancel()
		self.timer = nil
	end
	for req, thread in pairs(self.tasks or {}) do
		self.tasks[req] = nil
		skynet.killthread(thread)
	end
end

request.__close = request.close

function skynet.request(req)
	local self = setmetatable({}, request)
	return req and self:add(req) or self
end

return skynet
