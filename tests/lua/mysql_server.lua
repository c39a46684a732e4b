-- SPDX-License-Identifier: MIT
-- A real MariaDB for tests: in a folder of its own, on a port that the kernel chose, ended by its
-- pid.
local skynet = require "skynet"
local socket = require "skynet.socket"

local server = {}
server.__index = server

local function capture(cmd)
	local p <close> = assert(io.popen(cmd))
	return (p:read "a":gsub("%s+$", ""))
end

function server.there()
	return os.execute("{ command -v mariadbd && command -v mariadb-install-db && "
		.. "command -v my_print_defaults; } >/dev/null 2>&1") == true
end

local function free_port()
	local id, _, port = socket.listen("127.0.0.1", 0)
	socket.close(id)
	return port
end

-- Returns as soon as it greets.
function server:wait()
	for _ = 1, 3000 do
		local fd = socket.open("127.0.0.1", self.port)
		if fd then
			local greeting = socket.read(fd, 5)
			socket.close(fd)
			if greeting then
				return self
			end
		end
		skynet.sleep(1)
	end
	error("mariadbd does not answer: " .. capture("tail -20 " .. self.dir .. "/log"))
end

function server:run()
	self.pid = capture(("{ mariadbd --no-defaults --user=$(id -un) --datadir=%s/data --port=%d "
		.. "--bind-address=127.0.0.1 --socket=%s/s --pid-file=%s/pid --skip-name-resolve "
		.. "--innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=16M "
		.. "--max-allowed-packet=64M </dev/null >%s/log 2>&1 & echo $!; }"):format(self.dir,
		self.port, self.dir, self.dir, self.dir))
	assert(self.pid:match "^%d+$", self.pid)
	return self:wait()
end

-- A server whose root has no password.
function server.start()
	local self = setmetatable({ port = free_port(), dir = capture "mktemp -d" }, server)
	local out = capture(("mariadb-install-db --no-defaults --user=$(id -un) --datadir=%s/data "
		.. "--auth-root-authentication-method=normal --skip-test-db 2>&1 "
		.. "&& echo made"):format(self.dir))
	assert(out:find "made$", out)
	return self:run()
end

function server:kill()
	os.execute("kill -KILL " .. self.pid)
	while os.execute(("kill -0 %s 2>/dev/null"):format(self.pid)) do
		skynet.sleep(1)
	end
end

function server:stop()
	self:kill()
	os.execute("rm -rf " .. self.dir)
end

return server
