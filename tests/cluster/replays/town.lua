-- Clients by lines: timers, calls, random numbers, coroutines and errors.
local skynet = require "skynet"
local socket = require "skynet.socket"
require "skynet.manager"

local port
local clients, order = {}, {}
local verb = {}

function verb.buy(fd, n)
	n = tonumber(n)
	local price = skynet.call(".main", "lua", "price", n + math.random(5))
	if n % 13 == 0 then
		error(("client %d of %d buys the unlucky %d"):format(fd, #order, n))
	end
	return ("%d costs %d at %.2f"):format(n, price, skynet.time())
end

function verb.later(fd, n)
	skynet.timeout(tonumber(n) % 5, function()
		if clients[fd] then
			socket.write(fd, { "later ", n, " ", os.time(), "\n" })
		end
	end)
	return "soon"
end

function verb.sum(_, n)
	local sum, co = 0, coroutine.wrap(function()
		for i = 1, tonumber(n) % 50 do
			coroutine.yield(i * math.random())
		end
	end)
	for v in co do
		sum = sum + v
	end
	return ("%.6f"):format(sum)
end

-- What is garbage shows when the collector runs: in a weak table, and by a finalizer.
local weak = setmetatable({}, { __mode = "kv" })
local mourning = { __gc = function(self)
	skynet.send(".main", "lua", "hear", self[1], skynet.now())
end }

function verb.waste(fd, n)
	local left = 0
	for _ in pairs(weak) do
		left = left + 1
	end
	for i = 1, 300 do
		weak[n .. "/" .. i] = { ("%d %d"):format(fd, i):rep(20) }
	end
	setmetatable({ n }, mourning)
	return left
end

function verb.bytes(fd, n)
	local text = socket.read(fd, tonumber(n))
	return text and #text .. " " .. text:byte(-1)
end

function verb.all(_, text)
	local n = 0
	for fd in pairs(clients) do
		socket.lwrite(fd, "all " .. text .. "\n")
		n = n + 1
	end
	return n
end

local function serve(fd, from)
	socket.start(fd)
	clients[fd] = from
	order[#order + 1] = fd
	while true do
		local line = socket.readline(fd)
		if not line then
			break
		end
		local name, rest = line:match "^(%w+) ?(.*)$"
		local ok, answer = xpcall(verb[name], debug.traceback, fd, rest)
		if not ok then
			skynet.error(answer)
			answer = "error"
		end
		if not answer or not socket.write(fd, answer .. "\n") then
			break
		end
	end
	clients[fd] = nil
	socket.close(fd)
end

skynet.start(function()
	local id, _
	id, _, port = socket.listen("127.0.0.1", 0)
	socket.start(id, function(fd, from)
		skynet.fork(serve, fd, from)
	end)
	skynet.dispatch("lua", function(_, _, cmd)
		if cmd == "port" then
			skynet.retpack(port)
		else
			skynet.ret()
			skynet.exit()
		end
	end)
	skynet.register ".town"
end)
