-- SPDX-License-Identifier: MIT
-- A real MariaDB for tests: in a folder of its own, on a port that the kernel chose.
local socket = require "skynet.socket"
local beside = require "beside"

local server = {}
server.__index = server

function server.there()
	return os.execute("{ command -v mariadbd && command -v mariadb-install-db && "
		.. "command -v my_print_defaults; } >/dev/null 2>&1") == true
end

-- Whether it greets.
function server:answers()
	local fd = socket.open("127.0.0.1", self.port)
	local greeting = fd and socket.read(fd, 5)
	if fd then
		socket.close(fd)
	end
	return greeting
end

-- Returns as soon as it greets.
function server:run()
	local dir, command = self.dir, { "mariadbd", log = self.dir .. "/log" }
	for word in ([[--no-defaults --innodb-flush-log-at-trx-commit=0 --skip-name-resolve
		--innodb-buffer-pool-size=16M --max-allowed-packet=64M
		--bind-address=127.0.0.1]]):gmatch "%S+" do
		table.insert(command, word)
	end
	for name, value in pairs { user = beside.capture "id -un", datadir = dir .. "/data",
		port = self.port, socket = dir .. "/s", ["pid-file"] = dir .. "/pid",
		["ssl-cert"] = self.cert, ["ssl-key"] = self.key } do
		table.insert(command, ("--%s=%s"):format(name, value))
	end
	self.pid = beside.start(command)
	beside.until_ready("mariadbd", self.pid, dir .. "/log", function()
		return self:answers()
	end)
	return self
end

-- From the next run on it has TLS, for localhost.
function server:use_tls()
	self.cert, self.key = beside.certificate(self.dir)
end

-- A server whose root has no password.
function server.start()
	local self = setmetatable({ port = beside.free_port(), dir = beside.folder() }, server)
	local out = beside.capture(("mariadb-install-db --no-defaults --user=$(id -un) "
		.. "--datadir=%s/data --auth-root-authentication-method=normal --skip-test-db 2>&1 "
		.. "&& echo made"):format(self.dir))
	assert(out:find "made$", out)
	return self:run()
end

function server:kill()
	beside.signal(self.pid, "KILL")
end

function server:stop()
	self:kill()
	os.execute("rm -rf " .. self.dir)
end

return server
