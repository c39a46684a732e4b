-- SPDX-License-Identifier: MIT
-- A service with shared code and shared tables for tests/lua/test_share_storm.lua.
local skynet = require "skynet"
local sharetable = require "skynet.sharetable"
local sharedata = require "skynet.sharedata"
local folder = ...
package.path = folder .. "/?.lua;" .. package.path
local code = require "storm_code"

local held, seen = {}, 0
local data = sharedata.query "storm_data"

-- One round: every version that is seen is of one piece. Returns what is wrong with it, or nil.
local function round()
	local t = sharetable.query "storm_table"
	for i, entry in ipairs(t) do
		if entry.stamp ~= t.stamp
			or entry.name ~= ("entry %d of %d"):format(i, t.stamp) then
			return ("entry %d of version %d has %s"):format(i, t.stamp, entry.name)
		end
	end
	if t.stamp < seen then
		return ("version %d after %d"):format(t.stamp, seen)
	end
	seen = t.stamp
	held[#held % 4 + 1] = t
	local number, text, closure = code.version()
	if text ~= "the text of version " .. number or closure(1) ~= number + 1 then
		return "code of two versions"
	end
	if data.list[data.n].n ~= data.n then
		return "sharedata of two versions"
	end
	for key, value in next, held[1] do
		if key == "stamp" and type(value) ~= "number" then
			return "next() found something else"
		end
	end
	if seen % 3 == 0 then
		sharetable.update "storm_table"
	end
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what)
		if what == "step" then
			collectgarbage "step"
		elseif what == "collect" then
			collectgarbage()
		end
		skynet.retpack(round())
	end)
end)
