-- SPDX-License-Identifier: MIT
-- The history of one life of a node: a file to which every service of the node appends, one record
-- a line, one write() a record, so that kill -9 loses nothing that was recorded. Fields are
-- separated by tabs: microseconds (CLOCK_MONOTONIC), kind, who, and what check.py says of that
-- kind.
local skynet = require "skynet"

local history = {}
local file

-- Opens the file of this life for this service and gives the service a name that no other one in
-- any life has.
function history.open(node, life)
	local now = skynet.hpc() // 1000
	file = assert(io.open(("%s/n%d.%d.tsv"):format(skynet.getenv "chaos_dir", node, life), "a"))
	file:setvbuf "no"
	history.node, history.life = node, life
	history.who = ("%d.%d.%06x.%x"):format(node, life, skynet.self() & 0xffffff,
		now & 0xfffffff)
	return history.who
end

function history.record(kind, ...)
	file:write(table.concat({ skynet.hpc() // 1000, kind, history.who, ... }, "\t") .. "\n")
end

-- The first line of an error, short enough for a record.
function history.reason(text)
	return (tostring(text):match "^[^\n]*":gsub("^%S*:%d+: ", ""):gsub("\t", " "):sub(1, 160))
end

return history
