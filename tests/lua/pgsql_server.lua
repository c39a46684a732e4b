-- SPDX-License-Identifier: MIT
-- A real PostgreSQL for tests: in a folder of its own, on a port that the kernel chose, and on a
-- unix socket in that folder. It refuses to be root, so root's tests run it as nobody.
local skynet = require "skynet"
local beside = require "beside"

local server = {}
server.__index = server

local USER <const> = "nobody"

-- The folder of its programs, of the newest version that is there; "" when there is none.
local bin = beside.capture "ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1"

function server.there()
	return bin ~= "" and os.execute(("test -x %s/initdb -a -x %s/postgres"):format(bin, bin))
end

function server:write(name, text)
	local f <close> = assert(io.open(self.dir .. "/data/" .. name, "w"))
	f:write(text)
end

-- TLS for localhost, as soon as the server has read of it.
function server:use_tls()
	local cert, key = beside.certificate(self.dir .. "/data")
	os.execute(("[ $(id -u) != 0 ] || chown %s %s %s"):format(USER, cert, key))
	self:write("postgresql.auto.conf", "ssl = on\n")
	beside.signal(self.pid, "HUP")
end

-- Whether it says in its pid file that it is ready.
function server:ready()
	local f <close> = io.open(self.dir .. "/data/postmaster.pid")
	local text = f and f:read "a" or ""
	return text:find "ready" and text:match "^%d+" == tostring(self.pid)
end

-- Returns as soon as it is ready.
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
	self.pid = beside.start(command)
	beside.until_ready("postgres", self.pid, self.dir .. "/log", function()
		return self:ready()
	end)
	return self
end

-- A server whose postgres needs no password on the unix socket and from this machine.
-- options: further settings, each "name=value".
function server.start(options)
	local self = setmetatable({ port = beside.free_port(), options = options,
		dir = beside.folder() }, server)
	os.execute(("[ $(id -u) != 0 ] || chown %s %s"):format(USER, self.dir))
	local status = beside.wait(beside.start { bin .. "/initdb", "-D", self.dir .. "/data",
		"-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
		"--no-instructions", log = self.dir .. "/log", user = USER })
	assert(status == 0, beside.capture("cat " .. self.dir .. "/log"))
	return self:run()
end

-- At once, with no word to anybody. Its own processes see it and end as well, and until they have
-- the memory that they share is in use.
function server:kill()
	local f <close> = assert(io.open(("/proc/%d/task/%d/children"):format(self.pid, self.pid)))
	local children = f:read "a"
	beside.signal(self.pid, "KILL")
	for child in children:gmatch "%d+" do
		while beside.state(child):find "^[^ZX]" do
			skynet.sleep(1)
		end
	end
	os.remove(self.dir .. "/data/postmaster.pid")
end

-- In order: all connections end first, with a word.
function server:shut_down()
	beside.signal(self.pid, "INT")
	beside.wait(self.pid)
end

function server:stop()
	beside.signal(self.pid, "KILL")
	os.execute("rm -rf " .. self.dir)
end

return server
