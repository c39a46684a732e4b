-- A node of the test: a target that notes what comes, senders, and a probe for the test to ask.
local skynet = require "skynet"
local harbor = require "skynet.harbor"
require "skynet.manager"

local role, arg, arg2 = ...
local KINDS = { 4, 300, 20000, 70000, 400000, 5 << 20 }

-- Payloads that are not those of another number are seen.
local function fill(n, size)
	return string.rep(string.char(n % 251 + 1), size)
end

local function target()
	local last, double, gaps, wrong, all = {}, 0, 0, 0, 0
	local command = {}

	function command.put(sender, n, text)
		local l = last[sender] or 0
		if n <= l then double = double + 1 end
		if n > l + 1 then gaps = gaps + n - l - 1 end
		last[sender] = n
		all = all + 1
		if text ~= fill(n, #text) then wrong = wrong + 1 end
	end

	function command.echo(text)
		return text
	end

	function command.state()
		return all, double, gaps, wrong
	end

	skynet.dispatch("lua", function(session, _, what, ...)
		if session == 0 then
			command[what](...)
		else
			skynet.retpack(command[what](...))
		end
	end)
	harbor.register("T" .. arg)
end

local function sender()
	local own, to, stop, n, called, failed, why = skynet.self(), nil, false, 0, 0, 0, ""

	local function put(kind)
		n = n + 1
		skynet.send(to, "lua", "put", own, n, fill(n, KINDS[kind]))
	end

	-- In step with the other end: a link that is cut a dozen times a second carries less than
	-- this could send, and calls would wait behind all of it.
	local function run()
		local rounds = 0
		while not stop do
			rounds = rounds + 1
			if rounds % 10 == 0 then pcall(skynet.call, to, "lua", "echo", "") end
			if stop then break end
			for _ = 1, 20 do put(1) end
			local dice = math.random(60)
			put(dice == 1 and 6 or dice < 5 and 5 or dice < 10 and 4 or dice < 20 and 3
				or 2)
			skynet.sleep(1)
		end
	end

	local function ask()
		while not stop do
			local text = fill(called, KINDS[math.random(4)])
			local ok, answer = pcall(skynet.call, to, "lua", "echo", text)
			called = called + 1
			if not ok or answer ~= text then
				failed, why = failed + 1, tostring(answer):sub(1, 200)
			end
			skynet.sleep(1)
		end
	end

	local command = {}
	function command.run()
		to, stop = harbor.queryname("T" .. arg), false
		skynet.fork(run)
		for _ = 1, 4 do skynet.fork(ask) end
	end
	function command.stop()
		stop = true
	end
	function command.state()
		return n, called, failed, why
	end
	-- Sends without a pause.
	function command.flood(count, size)
		for _ = 1, count do
			n = n + 1
			skynet.send(to, "lua", "put", own, n, fill(n, size))
		end
		return count
	end
	function command.call(text)
		local began = skynet.now()
		local ok, answer = pcall(skynet.call, to, "lua", "echo", text)
		return ok, tostring(answer), skynet.now() - began
	end
	skynet.dispatch("lua", function(_, _, what, ...)
		skynet.retpack(command[what](...))
	end)
end

-- Moves, and is not ready there before the link has been lost for long.
local function traveller()
	skynet.on_handover(function() return true end)
	skynet.dispatch("lua", function() skynet.retpack(skynet.self()) end)
	if skynet.handover_state() then skynet.sleep(200) end
end

local function probe()
	local t = skynet.newservice("main", "target", arg)
	local senders, losses = {}, {}

	for i = 1, 2 do senders[i] = skynet.newservice("main", "sender", arg2) end
	harbor.watchlost(function(id, sent, unsent, text)
		losses[#losses + 1] = ("%d %d %d %s"):format(id, sent, unsent, text)
	end)

	local function sum(what)
		local n, called, failed, why = 0, 0, 0, ""
		for _, s in ipairs(senders) do
			local a, b, c, d = skynet.call(s, "lua", what)
			n, called, failed = n + (a or 0), called + (b or 0), failed + (c or 0)
			why = d ~= "" and d or why
		end
		return n, called, failed, why
	end

	local travel, travelled

	-- The outcome of the move, how many live here, and whether the first one answers.
	local function travels()
		local twins = 0
		for _, line in pairs(skynet.call(".launcher", "lua", "LIST")) do
			twins = twins + (line:find "main traveller" and 1 or 0)
		end
		local _, answer = pcall(skynet.call, travel or 0, "lua")
		return tostring(travelled), twins, answer
	end

	skynet.dispatch("lua", function(_, _, what, ...)
		if what == "travel" then
			travel = skynet.newservice("main", "traveller")
			skynet.fork(function()
				local _, why = pcall(skynet.handover, travel, 3 - arg)
				travelled = why
			end)
			skynet.retpack(true)
		elseif what == "travels" then
			skynet.retpack(travels())
		elseif what == "run" or what == "stop" or what == "sent" then
			skynet.retpack(sum(what == "sent" and "state" or what))
		elseif what == "arrived" then
			skynet.retpack(skynet.call(t, "lua", "state"))
		elseif what == "losses" then
			skynet.retpack(table.concat(losses, "\n"))
		elseif what == "flood" then
			skynet.retpack(skynet.call(senders[1], "lua", "flood", ...))
		else
			skynet.retpack(skynet.call(senders[1], "lua", what, ...))
		end
	end)
	skynet.register ".probe"
end

skynet.start(function()
	if role == "target" then
		target()
	elseif role == "sender" then
		sender()
	elseif role == "traveller" then
		traveller()
	else
		arg, arg2 = role, arg
		probe()
	end
end)
