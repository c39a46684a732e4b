-- SPDX-License-Identifier: MIT
-- skynet.cluster.answers: what one connection to another node brings, frame by frame. An answer in
-- parts is checked against the size that it began with, and all that are under way against a bound,
-- for which a part that is not the last counts PART_COST at least: its place in memory is not free.
local core = require "skynet.cluster.core"

local PART_COST <const> = 1024

local answers = {}
answers.__index = answers

-- new([bytes]) -> for one connection. No answer is larger, nor are those under way together.
function answers.new(max)
	return setmetatable({ partial = {}, bytes = 0, max = max or core.max }, answers)
end

-- The rest of that answer is not waited for.
function answers:forget(id)
	local p = self.partial[id]
	if p then
		self.partial[id] = nil
		self.bytes = self.bytes - p.cost
	end
end

-- take(id, kind, data), as core.unpackresponse returns them, of an answer that is waited for ->
-- whether it is good; its bytes, or the text of the error; whether more of it will come.
function answers:take(id, kind, data)
	if kind == "ok" then
		return true, data, false
	elseif kind == "error" then
		return false, data, false
	elseif kind == "begin" then
		if self.partial[id] then
			return false, "invalid answer", false
		elseif data > self.max then
			return false, "the answer is too large", false
		end
		self.partial[id] = { total = data, got = 0, cost = 0 }
		return true, "", true
	end
	local p = self.partial[id]
	if not p then
		return false, "invalid answer", false
	end
	local cost = kind == "more" and math.max(#data, PART_COST) or #data
	p.got, p.cost = p.got + #data, p.cost + cost
	self.bytes = self.bytes + cost
	if p.got > p.total or (kind == "last" and p.got ~= p.total) then
		return false, "invalid answer", false
	elseif self.bytes > self.max then
		return false, "answers under way are too large", false
	end
	return true, data, kind == "more"
end

return answers
