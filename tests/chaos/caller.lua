-- SPDX-License-Identifier: MIT
-- Who calls: tasks that call, send, store and look things up at random for as long as there is
-- traffic.
local skynet = require "skynet"
require "skynet.manager"
local harbor = require "skynet.harbor"
local datacenter = require "skynet.datacenter"
local history = require "history"
local calls = require "calls"

local node, life, seed, nodes = ...
node, life, nodes = math.tointeger(node), math.tointeger(life), math.tointeger(nodes)
math.randomseed(math.tointeger(seed))

local KNOWN <const> = 8 -- handles remembered of each node, of this life and of earlier ones
local BIG <const> = 4 << 20
local call, operation, repeatedly = calls.call, calls.operation, calls.repeatedly
local who
local known = {} -- node -> list of { handle, who }
local command = {}

local function remember(answer)
	local n = answer.handle >> 24
	local list = known[n] or {}
	known[n] = list
	for _, e in ipairs(list) do
		if e.who == answer.who then return end
	end
	if #list >= KNOWN then table.remove(list, math.random(#list - 1)) end
	list[#list + 1] = { handle = answer.handle, who = answer.who }
end

local function any_known(n)
	local list = known[n]
	if not list then return end
	return math.random(4) > 1 and list[#list] or list[math.random(#list)]
end

local function by_name(n, ti)
	local answer = call("name", "SVC" .. n, "n" .. n, ti, "echo")
	if answer then remember(answer) end
end

local function by_handle(n)
	local e = any_known(n)
	if not e then return by_name(n, 100) end
	call("handle", e.handle, e.who, math.random(3) == 1 and 200 or nil, "echo")
end

local function send(n)
	local e = any_known(n)
	if not e then return end
	for _ = 1, math.random(5) do
		local route = "send:" .. e.handle
		local number = calls.number(route)
		history.record("S", e.handle, e.who, route, number)
		skynet.send(e.handle, "lua", "send", who, route, number)
	end
	local route = "send:SVC" .. n
	local number = calls.number(route)
	history.record("S", "SVC" .. n, "n" .. n, route, number)
	skynet.send("SVC" .. n, "lua", "send", who, route, number)
end

local pilgrims = {} -- node -> { handle, who }: the handle of some life, and who it is in all

-- An old handle is as good as a new one: now and then the name is asked for one.
local function pilgrim(n)
	local e = pilgrims[n]
	if not e or math.random(8) == 1 then
		local answer = call("pilgrim", "PILGRIM" .. n, "any", nil, "echo")
		if answer and not (e and e.who == answer.who and math.random(2) == 1) then
			pilgrims[n] = { handle = answer.handle, who = answer.who }
		end
		return
	end
	for _ = 1, math.random(3) do
		local route = "send:" .. e.handle
		local number = calls.number(route)
		history.record("S", e.handle, "p" .. e.who, route, number)
		skynet.send(e.handle, "lua", "send", who, route, number)
	end
	if not call("pilgrim", e.handle, e.who, nil, "echo") then pilgrims[n] = nil end
end

local function big(n)
	local e = any_known(n)
	if not e then return end
	call("handle", e.handle, e.who, nil, "big", ("q"):rep(math.random(BIG)), math.random(BIG))
end

-- Within a node no answer is too large.
local function too_large(n)
	local e = n ~= node and any_known(n)
	if e then call("fails", e.handle, "nobody", nil, "too_large") end
end

local function later(n)
	local e = any_known(n)
	if e then call("later", e.handle, e.who, nil, "later", math.random(100)) end
end

local function victim(n)
	local answer = call("name", "SVC" .. n, "n" .. n, nil, "spawn")
	if answer then
		call("handle", answer.extra.handle, answer.extra.who, nil, "echo")
		call("fails", answer.extra.handle, "nobody", nil,
			math.random(2) == 1 and "die" or "be_killed")
		call("fails", answer.extra.handle, "nobody", nil, "echo")
	end
end

local function forget(n)
	call("fails", "SVC" .. n, "nobody", nil, "forget")
end

local function race()
	local name = "RACE" .. math.random(3)
	call("race", name, "any", math.random(2) == 1 and 100 or nil, "echo")
end

local function here()
	local answer = call("name", ".target", "n" .. node, nil, "echo")
	if answer then remember(answer) end
end

local function unique()
	local ok, handle = operation("unique", "uniq", skynet.uniqueservice, true, "uniq")
	if ok then call("unique-call", handle, "n" .. (handle >> 24), nil, "echo") end
end

local stored = 0
local function store()
	stored = stored + 1
	operation("set", who .. "=" .. stored, datacenter.set, "chaos", who, stored)
	operation("get", who, datacenter.get, "chaos", who)
end


function command.traffic(wanted)
	calls.traffic(wanted)
	skynet.retpack(true)
end

function command.open() skynet.retpack(calls.open) end

function command.check()
	local failed, open, asker = {}, nodes + 2, coroutine.running()
	local function look(name, f, ...)
		skynet.fork(function(...)
			if not f(...) then failed[#failed + 1] = name end
			open = open - 1
			if open == 0 then skynet.wakeup(asker) end
		end, ...)
	end
	for n = 1, nodes do
		look("SVC" .. n, call, "name", "SVC" .. n, "n" .. n, 500, "echo")
	end
	for _, name in ipairs { "DATACENTER", "SERVICE" } do
		look(name, function()
			local ok, handle = pcall(harbor.queryname, name, 500)
			return ok and handle ~= 0
		end)
	end
	skynet.wait()
	skynet.retpack(table.concat(failed, " "))
end

local function start_tasks()
	for n = 1, nodes do
		repeatedly(30, by_name, n)
		repeatedly(30, by_name, n, 100)
		for _ = 1, 4 do repeatedly(20, by_handle, n) end
		repeatedly(20, send, n)
		repeatedly(30, pilgrim, n)
		repeatedly(200, big, n)
		repeatedly(400, too_large, n)
		repeatedly(50, later, n)
		repeatedly(100, victim, n)
		repeatedly(200, forget, n)
	end
	repeatedly(20, here)
	repeatedly(20, race)
	repeatedly(20, race)
	repeatedly(100, unique)
	repeatedly(50, store)
end

skynet.start(function()
	who = history.open(node, life)
	skynet.dispatch("lua", function(_, _, what, ...) command[what](...) end)
	start_tasks()
end)
