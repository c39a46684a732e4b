-- SPDX-License-Identifier: MIT
-- A server that does what its clients and the test ask for. A client's first line says what it is.
local skynet = require "skynet"
require "skynet.manager"
local socket = require "skynet.socket"

local writes = { taken = 0, failed = 0 }
local client = {}
local command = {}
local opened = {} -- files

-- Writes pieces of a size until a write fails.
function client.hose(id, size, policy)
	local piece = ("x"):rep(tonumber(size))
	if policy then
		assert(socket.writelimit(id, nil, policy))
	end
	socket.warning(id, function() end)
	local n = 0
	while socket.write(id, piece) do
		writes.taken = writes.taken + #piece
		n = n + 1
		if n % 64 == 0 then
			skynet.yield()
		end
	end
	writes.failed = writes.failed + 1
end

function client.echo(id)
	local line = socket.readline(id)
	while line do
		socket.write(id, line .. "\n")
		line = socket.readline(id)
	end
end

function client.never(id)
	socket.block(id)
	socket.readline(id, "no such separator")
end

-- Reads nothing for a while, and then all.
function client.pause(id)
	skynet.sleep(100)
	while socket.read(id) do
	end
end

local function serve(id)
	if not socket.start(id) then
		return
	end
	local line = socket.readline(id)
	if line then
		local words = {}
		for word in line:gmatch "%S+" do
			words[#words + 1] = word
		end
		client[words[1]](id, table.unpack(words, 2))
	end
	socket.close(id)
end

function command.listen()
	local listener, _, port = socket.listen("127.0.0.1", 0, 512)
	socket.start(listener, serve)
	return port
end

function command.ready()
	return true
end

function command.writes()
	return writes
end

function command.sockets()
	local n = 0
	for _, s in ipairs(socket.netstat()) do
		if s.type ~= "LISTEN" and s.address == skynet.self() then
			n = n + 1
		end
	end
	return n
end

-- Takes every descriptor that is left.
function command.open_files()
	repeat
		local f = io.open "/dev/null"
		opened[#opened + 1] = f
	until not f
	return #opened
end

function command.close_files()
	for i = 1, #opened do
		opened[i]:close()
	end
	opened = {}
	return true
end

-- Keeps its worker for so many seconds.
function command.work(seconds)
	local t = skynet.hpc() + seconds * 1e9
	while skynet.hpc() < t do
	end
	return true
end

-- Keeps its worker until there is a file of this name; makes NAME.begun when it begins.
function command.work_until(name)
	assert(io.open(name .. ".begun", "w")):close()
	local f
	repeat
		f = io.open(name)
	until f
	f:close()
	return true
end

skynet.start(function()
	skynet.dispatch("lua", function(session, _, name, ...)
		if session ~= 0 then
			skynet.retpack(command[name](...))
		else
			command[name](...)
		end
	end)
	skynet.register ".victim"
end)
