-- SPDX-License-Identifier: MIT
-- A real PostgreSQL for tests: in a folder of its own, on a port that the kernel chose, and on a
-- unix socket in that folder. It refuses to be root, so root's tests run it as nobody.
local skynet = require "skynet"
local socket = require "skynet.socket"
local process = require "process"

local server = {}
server.__index = server

local USER <const> = "nobody"

local function capture(cmd)
	local p <close> = assert(io.popen(cmd))
	return (p:read "a":gsub("%s+$", ""))
end

-- The folder of its programs, of the newest version that is there; "" when there is none.
local bin = capture "ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1"

function server.there()
	return bin ~= "" and os.execute(("test -x %s/initdb -a -x %s/postgres"):format(bin, bin))
end

local function free_port()
	local id, _, port = socket.listen("127.0.0.1", 0)
	socket.close(id)
	return port
end

-- Waits until a process has ended. Returns how.
local function wait_for(pid)
	for _ = 1, 6000 do
		local status = process.ended(pid)
		if status ~= nil then
			return status
		end
		skynet.sleep(1)
	end
	error(("process %d does not end"):format(pid))
end

function server:write(name, text)
	local f <close> = assert(io.open(self.dir .. "/data/" .. name, "w"))
	f:write(text)
end

function server:log()
	return capture("tail -20 " .. self.dir .. "/log")
end

-- Returns as soon as it says that it is ready: its pid file tells.
function server:wait()
	for _ = 1, 3000 do
		local f <close> = io.open(self.dir .. "/data/postmaster.pid")
		local text = f and f:read "a" or ""
		if text:find "ready" and text:match "^%d+" == tostring(self.pid) then
			return self
		elseif process.ended(self.pid) ~= nil then
			break
		end
		skynet.sleep(1)
	end
	error("postgres does not start: " .. self:log())
end

function server:run()
	local command = { bin .. "/postgres", "-D", self.dir .. "/data", "-p", tostring(self.port),
		"-k", self.dir, "-h", "127.0.0.1", log = self.dir .. "/log", user = USER }
	for name, value in pairs {
		fsync = "off", full_page_writes = "off", synchronous_commit = "off",
		shared_buffers = "4MB", max_connections = "40", autovacuum = "off",
		wal_level = "minimal", max_wal_senders = "0", logging_collector = "off",
		max_worker_processes = "0", dynamic_shared_memory_type = "mmap",
	} do
		table.insert(command, "-c")
		table.insert(command, name .. "=" .. value)
	end
	for _, word in ipairs(self.options or {}) do
		table.insert(command, "-c")
		table.insert(command, word)
	end
	self.pid = process.start(command)
	return self:wait()
end

-- A server whose postgres needs no password on the unix socket and from this machine.
-- options: further settings, each "name=value".
function server.start(options)
	local self = setmetatable({ port = free_port(), options = options,
		dir = capture "mktemp -d" }, server)
	os.execute(("[ $(id -u) != 0 ] || chown %s %s"):format(USER, self.dir))
	local status = wait_for(process.start { bin .. "/initdb", "-D", self.dir .. "/data",
		"-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
		"--no-instructions", log = self.dir .. "/log", user = USER })
	assert(status == 0, self:log())
	return self:run()
end

local function alive(pid)
	local f <close> = io.open(("/proc/%s/stat"):format(pid))
	return f ~= nil and not f:read "a":find "%) [ZX]"
end

-- At once, with no word to anybody. Its own processes see it and end as well, and until they have
-- the memory that they share is in use.
function server:kill()
	local f <close> = assert(io.open(("/proc/%d/task/%d/children"):format(self.pid, self.pid)))
	local children = f:read "a"
	process.signal(self.pid, "KILL")
	wait_for(self.pid)
	for child in children:gmatch "%d+" do
		for _ = 1, 3000 do
			if not alive(child) then
				break
			end
			skynet.sleep(1)
		end
	end
	os.remove(self.dir .. "/data/postmaster.pid")
end

-- In order: all connections end first, with a word.
function server:shut_down()
	process.signal(self.pid, "INT")
	wait_for(self.pid)
end

function server:stop()
	process.signal(self.pid, "KILL")
	wait_for(self.pid)
	os.execute("rm -rf " .. self.dir)
end

return server
