-- The start service of a node of three that call each other all the time. It has a name of its own
-- (IT_NODE), wants one that all want (THE_ONE), and asks for a service that is one in the cluster.
local skynet = require "skynet"
local harbor = require "skynet.harbor"
require "skynet.manager"

local CALLERS <const> = 8
local PATIENCE <const> = 200 -- cs, of those that have a limit of their own

local node = ...
local others = { select(2, ...) }
local count = { done = 0, failed = 0, wrong = 0 }
local longest = { plain = 0, limited = 0 } -- seconds; of those on their way, too
local began = {} -- key of a call on its way -> { kind, when }

local function seconds(kind, since)
	longest[kind] = math.max(longest[kind], (skynet.hpc() - since) / 1e9)
end

local function ask(kind, name, n)
	if kind == "plain" then
		return skynet.call(name, "lua", "add", n)
	end
	return skynet.calltimeout(PATIENCE, name, "lua", "add", n)
end

local function caller(id)
	local kind = id % 2 == 0 and "plain" or "limited"
	while true do
		local other, n = others[math.random(#others)], math.random(1000000)
		local since = skynet.hpc()
		began[id] = { kind, since }
		local ok, who, sum = pcall(ask, kind, "IT_" .. other, n)
		began[id] = nil
		seconds(kind, since)
		if not ok then
			count.failed = count.failed + 1
			skynet.sleep(1)
		elseif who ~= other or sum ~= n + 1 then
			count.wrong = count.wrong + 1
		else
			count.done = count.done + 1
		end
	end
end

-- Who finds that nobody has it wants it: after a death that is two at the same moment.
local function want_the_one()
	while true do
		if not harbor.find "THE_ONE" then
			harbor.globalname("THE_ONE", skynet.self())
		end
		skynet.sleep(5)
	end
end

local command = {}

function command.add(n)
	return node, n + 1
end

function command.names()
	local seen = { self = skynet.self(), the_one = harbor.find "THE_ONE" or 0 }
	for _, name in ipairs { node, table.unpack(others) } do
		seen[name] = harbor.find("IT_" .. name) or 0
	end
	seen.single = skynet.uniqueservice(true, "single")
	return seen
end

function command.calls()
	for _, c in pairs(began) do
		seconds(c[1], c[2])
	end
	return { done = count.done, failed = count.failed, wrong = count.wrong,
		longest_plain = longest.plain, longest_limited = longest.limited }
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, word, ...)
		skynet.retpack(command[word](...))
	end)
	skynet.register ".main"
	skynet.name("IT_" .. node, skynet.self())
	skynet.fork(want_the_one)
	for id = 1, CALLERS do
		skynet.fork(caller, id)
	end
end)
