-- SPDX-License-Identifier: MIT
-- Random calls between nodes to callees that answer, or fail to in every way there is. `.probe` of
-- each node spawns callees and runs such programs; each call is asked for by a token, and its
-- outcome is looked at.
local skynet = require "skynet"
require "skynet.manager"
local harbor = require "skynet.harbor"
local role, index = ...

-- ---- a callee: one request, one way to treat it ----

local way = {}

function way.echo(token) skynet.retpack(token) end
function way.late(token) skynet.sleep(math.random(0, 30)) skynet.retpack(token) end
function way.respond(token) local r = skynet.response() skynet.timeout(math.random(0, 20),
	function() r(true, token) end) end
function way.pass(token, other)
	local session, source = skynet.context()
	skynet.redirect(other, source, "lua", session, skynet.pack("echo", token))
end
local answers <const> = { echo = true, late = true, respond = true, pass = true }

function way.raise() error "on purpose" end
function way.exit() skynet.exit() end
function way.exit_later() skynet.timeout(math.random(0, 20), skynet.exit) skynet.wait() end
function way.large(token) skynet.retpack(token, ("x"):rep(2 << 20)) end
function way.large_response(token) skynet.response()(true, token, ("x"):rep(2 << 20)) end
function way.large_error() skynet.response()(false, ("x"):rep(2 << 20)) end
function way.lose() skynet.response() end
function way.forget() end
function way.stall() coroutine.yield() end
function way.refuse() skynet.response()(false, "no") end
function way.pass_to_nobody() way.pass("", skynet.self() + 5000) end
function way.pass_abroad(token, _, abroad) way.pass(token, abroad) end
function way.handler_of_c() ("x"):gsub("x", function() skynet.sleep(1) end) end

if role == "callee" then
	skynet.start(function()
		skynet.dispatch("lua", function(_, _, what, ...) way[what](...) end)
		if index then
			harbor.globalname(index)
		end
	end)
	return
end

-- ---- the program ----

local names, command = {}, {}
for name in pairs(way) do
	names[#names + 1] = name
end
table.sort(names)

function command.spawn(name) return skynet.newservice("main", "callee", name) end

local total, ended, wrong
local round = 0 -- of runs: callees of the last one keep their names

local function one(i, nodes, killing)
	local at = "P" .. nodes[math.random(#nodes)]
	local what, token = names[math.random(#names)], index .. ":" .. i
	local name = math.random(3) == 1 and ("G%s.%d.%d"):format(index, round, i) or nil
	local ok, callee = pcall(skynet.call, at, "lua", "spawn", name)
	local ok2, other = pcall(skynet.call, at, "lua", "spawn")
	if not ok or not ok2 then
		return not killing and wrong("%s: no callee: %s", token, ok and other or callee)
	end
	local here = skynet.self() >> 24 == callee >> 24
	local abroad = here and callee or skynet.self()
	local may = answers[what] or here
		and (what == "large" or what == "large_response" or what == "pass_abroad")
	local ok, answer = pcall(skynet.call, name or callee, "lua", what, token, other, abroad)
	if ok and (answer ~= token or not may) then
		wrong("%s %s: the answer %s", token, what, tostring(answer):sub(1, 50))
	elseif not ok and answers[what] and not killing then
		wrong("%s %s: %s", token, what, answer)
	end
end

-- Runs `count` calls at once; command.state tells how far they are.
function command.run(seed, count, killing, ...)
	local nodes, faults = { ... }, {}
	math.randomseed(seed)
	total, ended, round = count, 0, round + 1
	wrong = function(fmt, ...) faults[#faults + 1] = fmt:format(...) end
	function command.state() return ended, total,
		table.concat(faults, "; ", 1, math.min(#faults, 5)) end
	for i = 1, count do
		skynet.fork(function()
			skynet.sleep(math.random(0, 100))
			one(i, nodes, killing == "killing")
			ended = ended + 1
		end)
	end
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...) skynet.retpack(command[what](...)) end)
	skynet.register ".probe"
	skynet.name("P" .. index, skynet.self())
end)
