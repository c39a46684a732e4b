-- SPDX-License-Identifier: MIT
-- A node of scale.py: says when all its links are up, when each is lost, and when it learns a name.
-- Arguments: its harbor id, and how many nodes there are (their ids are 1 to that).
local skynet = require "skynet"
local harbor = require "skynet.harbor"
require "skynet.manager"
local id, nodes = ...
id, nodes = tonumber(id), tonumber(nodes)

local function say(what, ...)
	io.stdout:write(table.concat({ "SCALE", id, what, skynet.hpc(), ... }, " "), "\n")
	io.stdout:flush()
end

local function watch_link(other, first)
	while true do
		harbor.connect(other)
		first()
		harbor.link(other)
		say("lost", other)
		first = function() say("found", other) end
	end
end

local function watch_names()
	for i = 1, 1000 do
		harbor.queryname("NAME" .. i)
		say("name", i)
	end
end

skynet.start(function()
	local missing = nodes - 1
	skynet.dispatch("lua", function(_, _, name)
		say("register", name)
		skynet.register(name)
		skynet.ret(skynet.pack(true))
	end)
	skynet.register ".scale"
	say "begun"
	for other = 1, nodes do
		if other ~= id then
			skynet.fork(watch_link, other, function()
				missing = missing - 1
				if missing == 0 then say "formed" end
			end)
		end
	end
	skynet.fork(watch_names)
end)
