-- Reads cells of skynet.stm and structs of skynet.sharemap that others write, and one of its own;
-- is a member of a group, and has a global name.
local skynet = require "skynet"
local stm = require "skynet.stm"
local sharemap = require "skynet.sharemap"
local sprotoloader = require "sprotoloader"
local group = require "skynet.group"
local harbor = require "skynet.harbor"
local memory = require "skynet.memory"
require "skynet.manager"

local command = {}
local mine = stm.new(skynet.pack(7))
local me = stm.newcopy(stm.copy(mine))
local theirs, thing, registration

function command.look(...)
	local changed = thing:update()
	local parts = { tostring(changed), thing.name, thing.n }
	for _, reader in ipairs { theirs, me } do
		for _, v in ipairs { reader(skynet.unpack) } do
			parts[#parts + 1] = tostring(v)
		end
	end
	skynet.send(".main", "lua", "hear", table.concat(parts, " "), memory.total(),
		group.members "cells", group.nearest "cells", group.pick("cells", #parts))
	group.send("cells", "hear", group.random "cells", harbor.find "cell", (harbor.fence "cell"),
		harbor.check("cell", registration), harbor.queryname ".main",
		harbor.queryname "cell")
	return parts[3], #parts
end

function command.write(n)
	mine(skynet.pack(n))
end

function command.load(slot)
	return sprotoloader.load(slot):encode("B", { n = 1 })
end

function command.hear()
end

function command.exit()
	group.leave "cells"
	skynet.fork(skynet.exit)
end

skynet.start(function()
	local _
	local cell, map = skynet.call(".main", "lua", "cells")
	theirs, thing = stm.newcopy(cell), sharemap.reader("Thing", map)
	skynet.dispatch("lua", function(_, _, cmd, ...)
		skynet.retpack(command[cmd](...))
	end)
	group.join "cells"
	_, registration = harbor.register "cell"
	skynet.register ".cell"
end)
