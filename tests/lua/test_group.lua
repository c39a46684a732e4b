-- SPDX-License-Identifier: MIT
-- skynet.group in a single node: its members are those of a cluster of one.
local skynet = require "skynet"
local group = require "skynet.group"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local function members(name)
	return table.concat(group.members(name), " ")
end

tap.run {
	{ "who joins is a member, until it leaves or ends", function()
		local a, b = skynet.newservice "callee", skynet.newservice "callee"
		equal(members "g", "")
		equal(group.random "g", nil)
		equal(group.nearest "g", nil)
		equal(group.pick("g", "key"), nil)
		equal(group.join("g", b), true)
		equal(group.join("g", a), true)
		equal(group.join("g", a), true)
		equal(group.join "g", true)
		local self = skynet.self()
		local all = { a, b, self }
		table.sort(all)
		equal(members "g", table.concat(all, " "))
		equal(group.leave "g", true)
		raises("no such name", group.leave, "g")
		equal(members "g", math.min(a, b) .. " " .. math.max(a, b))
		skynet.kill(a)
		tap.until_true("a is gone", function() return members "g" == tostring(b) end)
		equal(group.random "g", b)
		equal(group.nearest "g", b)
		equal(group.pick("g", "key"), b)
		group.leave("g", b)
	end },
	{ "a group is no name, and its members are not in the way of names", function()
		local harbor = require "skynet.harbor"
		group.join "DB"
		equal(harbor.find "DB", nil)
		harbor.register "DB"
		equal(#group.members "DB", 1)
		harbor.release "DB"
		equal(#group.members "DB", 1)
		group.leave "DB"
	end },
	{ "a message to all", function()
		local list = {}
		for i = 1, 100 do
			list[i] = skynet.newservice "callee"
			group.join("many", list[i])
		end
		equal(#group.members "many", 100)
		equal(group.send("many", "count"), 100)
		for _, s in ipairs(list) do
			equal(skynet.call(s, "lua", "counted"), 1)
			skynet.kill(s)
		end
		tap.until_true("all are gone", function() return #group.members "many" == 0 end)
		equal(group.send("many", "count"), 0)
	end },
	{ "a key stays with its member when others come and go", function()
		local list = {}
		for i = 1, 8 do
			list[i] = skynet.newservice "callee"
			group.join("ring", list[i])
		end
		local of, load = {}, {}
		for key = 1, 800 do
			of[key] = group.pick("ring", "player" .. key)
			load[of[key]] = (load[of[key]] or 0) + 1
			equal(group.pick("ring", "player" .. key), of[key])
		end
		for _, s in ipairs(list) do
			assert(load[s] > 50, "a member with " .. load[s] .. " of 800 keys")
		end
		group.leave("ring", list[1])
		for key = 1, 800 do
			local now = group.pick("ring", "player" .. key)
			assert(now ~= list[1] and (of[key] == list[1] or now == of[key]))
		end
		assert(group.pick("ring", 7) == group.pick("ring", 7))
		for _, s in ipairs(list) do
			skynet.kill(s)
		end
	end },
	{ "changes are told in order, and an error of the function does not end it", function()
		local seen = {}
		local a, b = skynet.newservice "callee", skynet.newservice "callee"
		group.join("w", a)
		local stop = group.watch("w", function(what, handle)
			seen[#seen + 1] = what .. (handle == a and "a" or "b")
			if #seen == 1 then
				error "first"
			end
		end)
		tap.until_true("a", function() return #seen == 1 end)
		group.join("w", b)
		tap.until_true("b", function() return #seen == 2 end)
		group.leave("w", a)
		skynet.kill(b)
		tap.until_true("both left", function() return #seen == 4 end)
		equal(table.concat(seen, " "), "joina joinb leavea leaveb")
		stop()
		group.join "w"
		skynet.sleep(5)
		equal(#seen, 4)
		group.leave "w"
	end },
	{ "names that cannot be", function()
		for _, name in ipairs { "", ":1", ".x", ("x"):rep(54), "12", "a b" } do
			raises("Invalid group name", group.join, name)
			raises("Invalid group name", group.members, name)
			raises("Invalid group name", group.watch, name, print)
		end
		local longest = ("x"):rep(53)
		group.join(longest)
		equal(#group.members(longest), 1)
		group.leave(longest)
		raises("not the handle", group.join, "g", 0)
	end },
}
