-- Reads what others publish: shared tables, shared data, sheets; and hears a channel.
local skynet = require "skynet"
local sharetable = require "skynet.sharetable"
local sharedata = require "skynet.sharedata"
local datasheet = require "skynet.datasheet"
local multicast = require "skynet.multicast"
require "skynet.manager"

local heard, command, channel = {}, {}, nil

-- In the order of pairs, which is of hashes.
local function text_of(t, list)
	for k, v in pairs(t) do
		if type(v) == "table" then
			list[#list + 1] = tostring(k) .. "{"
			text_of(v, list)
			list[#list + 1] = "}"
		elseif type(v) == "function" then
			list[#list + 1] = tostring(k) .. "()=" .. v(7.0, 2)
		else
			list[#list + 1] = tostring(k) .. "=" .. tostring(v)
		end
	end
	return list
end

-- What all of them hold; whoever hears it gets it in this order, too.
function command.look()
	local parts = {}
	local names = {}
	for name in pairs(sharetable.queryall()) do
		names[#names + 1] = name
	end
	for _, t in ipairs { sharetable.query "rules" or {}, sharetable.query "gone" or {} } do
		text_of(t, parts)
	end
	local ok, data = pcall(sharedata.query, "shop")
	if ok then
		text_of(data, parts)
		parts[#parts + 1] = data.deep.er[1]
	end
	-- a name that is unknown once stays so
	local sheet = ok and datasheet.query "sheet"
	if sheet then
		text_of(sheet, parts)
	end
	skynet.send(".main", "lua", "hear", table.concat(parts, " "), #heard, table.concat(names))
	return #parts, sheet and sheet.version
end

-- The sharetable has a function of C that only this program knows.
function command.foreign()
	return sharetable.query "foreign".version
end

function command.update()
	local old = sharetable.query "rules"
	local was = old.version
	skynet.sleep(1)
	sharetable.update "rules"
	return was, old.version
end

function command.publish(n)
	for i = 1, n do
		channel:publish(i, ("x"):rep(i * 50), heard[#heard])
	end
end

function command.exit()
	skynet.fork(skynet.exit)
end

skynet.start(function()
	channel = multicast.new {
		channel = skynet.call(".main", "lua", "channel"),
		dispatch = function(_, source, n, text)
			heard[#heard + 1] = source .. n .. #text .. skynet.now()
			if n % 10 == 0 then
				skynet.send(".main", "lua", "hear", table.concat(heard, " "))
			end
		end,
	}
	channel:subscribe()
	skynet.dispatch("lua", function(_, _, cmd, ...)
		skynet.retpack(command[cmd](...))
	end)
	skynet.register ".reader"
end)
