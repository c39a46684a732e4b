-- A small town for the operator: a shop that answers, one that floods it, one that waits.
local skynet = require "skynet"
require "skynet.manager"
local socket = require "skynet.socket"
local name, child = ...

local command = {}
local got = {}

function command.echo(...)
	return ...
end

function command.types(...)
	local kinds = table.pack(...)
	for i = 1, kinds.n do
		kinds[i] = math.type(kinds[i]) or type(kinds[i])
	end
	return table.unpack(kinds, 1, kinds.n)
end

function command.keep(...)
	got[#got + 1] = table.pack(...)
end

function command.kept()
	return got
end

function command.child(what)
	return skynet.address(skynet.newservice("main", name, what))
end

-- Loads itself with messages, so many at each tick.
function command.flood(n)
	skynet.fork(function()
		while true do
			for _ = 1, n do
				skynet.send(skynet.self(), "lua", "echo")
			end
			skynet.sleep(1)
		end
	end)
end

local hoard = {}
function command.hoard(mib)
	hoard[#hoard + 1] = ("x"):rep(mib << 20) .. skynet.now()
	collectgarbage()
end

function command.listen()
	local id, _, port = socket.listen("127.0.0.1", 0)
	socket.start(id, function(fd)
		socket.start(fd)
	end)
	return id, port
end

function command.wait(n, cs)
	for i = 1, n do
		skynet.timeout(cs + i, function() end)
	end
end

function command.name(what)
	skynet.register(what)
end

function command.sleep(cs)
	skynet.sleep(cs)
end

function command.ask(who)
	skynet.call(who, "lua", "echo")
end

function command.join(what)
	require "skynet.group".join(what)
end

-- Works for a third of the time.
function command.burn()
	skynet.fork(function()
		while true do
			local n = 0
			for i = 1, 500000 do
				n = n + i % 7
			end
			skynet.sleep(1)
		end
	end)
end

function command.loop()
	while true do
	end
end

function command.fails()
	error "on purpose"
end

skynet.start(function()
	skynet.dispatch("lua", function(session, _, what, ...)
		local f = assert(command[what], "unknown")
		if session == 0 then
			f(...)
		else
			skynet.ret(skynet.pack(f(...)))
		end
	end)
	if not child and name then
		skynet.register ".shop"
		skynet.register(name .. "SHOP")
	end
end)
