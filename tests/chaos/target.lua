-- SPDX-License-Identifier: MIT
-- Who is called. Every answer says who answers and what was asked, so that a stranger's answer is
-- known as such. With a name it is a node's own target (that global name and `.target`); without
-- one a victim, which is called to die.
local skynet = require "skynet"
require "skynet.manager"
local history = require "history"

local node, life, name = ...
node, life = math.tointeger(node), math.tointeger(life)
local who
local TOO_LARGE <const> = 12 << 20 -- above the message_max of chaos.py

local command = {}

local function answer(question, extra)
	skynet.retpack { who = who, question = question, handle = skynet.self(), extra = extra }
end

-- A question that is answered; it is recorded, because it must not come twice.
function command.echo(question, route, number)
	history.record("X", question, route, number)
	answer(question)
end

function command.big(question, route, number, text, size)
	history.record("X", question, route, number)
	answer(question, ("b"):rep(size) .. #text)
end

function command.too_large(question)
	skynet.retpack(question, ("x"):rep(TOO_LARGE))
end

function command.forget() end

function command.later(question, _, _, ti)
	skynet.sleep(ti)
	answer(question)
end

-- A message without an answer.
function command.send(from, route, number)
	skynet.ignoreret()
	history.record("N", from, route, number)
end

function command.spawn(question)
	local victim = skynet.newservice("target", node, life)
	answer(question, { handle = victim, who = skynet.call(victim, "lua", "who") })
end

function command.who() skynet.retpack(who) end

-- The victim's ends: while it works on a request it exits, or is killed.
function command.die() skynet.exit() end
function command.be_killed()
	skynet.fork(function() skynet.kill(skynet.self()) end)
	skynet.wait()
end

skynet.start(function()
	who = history.open(node, life)
	skynet.dispatch("lua", function(_, _, what, ...) command[what](...) end)
	if name then
		skynet.register(".target")
		skynet.register(name)
	end
end)
