-- SPDX-License-Identifier: MIT
-- Services that come and go, fill their mailboxes and reach their memory limits, while others look
-- at them.
local skynet = require "skynet"
require "skynet.manager"

local mode, arg = ...
local LONG <const> = string.rep("x", 200)

local function endless()
	while true do end
end

local roles = {}

-- Ends when it is asked to.
function roles.short()
	skynet.dispatch("lua", function()
		skynet.retpack(true)
		skynet.exit()
	end)
end

-- Does not come back to its mailbox.
function roles.sink()
	skynet.dispatch("lua", endless)
end

-- Forks beyond its memory. Who has failed makes room for the next, so this turn has no end.
function roles.forks()
	local function f()
		skynet.fork(f)
		skynet.fork(f)
		skynet.sleep(100000)
	end
	skynet.dispatch("lua", f)
end

-- Has more requests at once than its memory can keep coroutines for.
function roles.waits()
	skynet.dispatch("lua", function(_, _, what)
		if what == "wait" then
			skynet.wait()
		end
		skynet.retpack(what)
	end)
end

-- Does what it is told, much of it without end.
function roles.victim()
	local work = {}
	function work.loop() endless() end
	function work.pcalls()
		while true do
			pcall(endless)
		end
	end
	function work.eat()
		local t = {}
		while true do
			t[#t + 1] = LONG .. #t
		end
	end
	function work.forks()
		for _ = 1, 1000 do
			skynet.fork(skynet.sleep, 100)
		end
	end
	function work.closes()
		local c <close> = setmetatable({},
			{ __close = function() skynet.send(skynet.self(), "lua", "loop") end })
		endless()
	end
	function work.raises() error(LONG) end
	function work.answers() end
	skynet.dispatch("lua", function(_, _, what)
		work[what]()
		skynet.retpack(what)
	end)
end

if roles[mode] then
	if mode == "forks" or mode == "waits" or mode == "victim" then
		skynet.memlimit(4 * 1024 * 1024)
	end
	skynet.start(roles[mode])
	return
end

local command = {}

-- As many as `n` services at a time come and go, until "rest".
local turn = 0
function command.churn(n)
	turn = turn + 1
	local mine = turn
	for i = 1, math.tointeger(n) do
		skynet.fork(function()
			while turn == mine do
				local s = skynet.newservice("main", "short",
					("argument-%d-%s"):format(i, LONG))
				skynet.call(s, "lua", "go")
			end
		end)
	end
end

function command.rest()
	turn = turn + 1
end

-- Kills a service whose mailbox is long: its teardown takes longer than the overseer's patience.
function command.longmailbox(n)
	local s = skynet.newservice("main", "sink")
	for i = 1, math.tointeger(n) do
		skynet.send(s, "lua", i)
	end
	skynet.kill(s)
	for _ = 1, 20 do
		skynet.kill(skynet.newservice("main", "sink"))
		skynet.sleep(2)
	end
end

-- A service that forks for ever: at its limit its tasks get errors.
local forks
function command.memfork()
	forks = skynet.newservice("main", "forks")
	skynet.send(forks, "lua", "grow")
end

function command.killforks()
	skynet.kill(forks)
end

-- Requests that wait: when no memory is left, the next one fails at once.
function command.memwait()
	local s = skynet.newservice("main", "waits")
	local ended, failed = 0, nil
	for _ = 1, 6000 do
		skynet.fork(function()
			local _, why = pcall(skynet.call, s, "lua", "wait")
			failed = failed or why
			ended = ended + 1
		end)
	end
	while not failed do
		skynet.sleep(1)
	end
	skynet.kill(s)
	while ended < 6000 do
		skynet.sleep(1)
	end
	return failed
end

-- Services that work, are filled, interrupted, looked at and killed, at random from a seed, until
-- "rest".
function command.storm(n, seed)
	local core = require "skynet.core"
	local works = { "loop", "pcalls", "eat", "forks", "closes", "raises", "answers", "answers" }
	turn = turn + 1
	local mine = turn
	math.randomseed(math.tointeger(seed))
	for _ = 1, math.tointeger(n) do
		skynet.fork(function()
			while turn == mine do
				local s = skynet.newservice("main", "victim", LONG)
				for _ = 1, math.random(40) do
					skynet.send(s, "lua", works[math.random(#works)])
				end
				for _ = 1, math.random(200) do
					skynet.send(s, "lua", "answers")
				end
				skynet.fork(pcall, skynet.call, s, "lua",
					works[math.random(#works)])
				for _ = 1, math.random(4) do
					skynet.sleep(math.random(0, 2))
					core.command("SIGNAL",
						("%s %d"):format(skynet.address(s),
						math.random(0, 1)))
					core.command("STAT", "mqlen")
				end
				core.command("KILL", skynet.address(s))
			end
		end)
	end
end

-- The end of everything, as it is.
function command.abort()
	skynet.timeout(1, skynet.abort)
end

skynet.start(function()
	skynet.register ".lifetimes"
	skynet.dispatch("lua", function(_, _, name, ...)
		skynet.retpack(command[name](...))
	end)
end)
