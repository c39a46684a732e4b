-- SPDX-License-Identifier: MIT
-- What tests run beside them: programs with a folder of their own, on a port that the kernel chose,
-- which end with the test's node at the latest.
local skynet = require "skynet"
local socket = require "skynet.socket"
local process = require "process"

local beside = {}

-- What a command of the shell writes, without the end of its line.
function beside.capture(cmd)
	local p <close> = assert(io.popen(cmd))
	return (p:read "a":gsub("%s+$", ""))
end

function beside.folder()
	return beside.capture "mktemp -d"
end

-- Makes a certificate for localhost, signed by itself, and its key. Returns both files.
function beside.certificate(dir)
	local cert, key = dir .. "/server.crt", dir .. "/server.key"
	local made = os.execute(("openssl req -x509 -newkey ec -nodes -days 2 -subj /CN=localhost "
		.. "-pkeyopt ec_paramgen_curve:prime256v1 -addext subjectAltName=DNS:localhost "
		.. "-keyout %s -out %s 2>/dev/null"):format(key, cert))
	assert(made, "openssl makes no certificate")
	return cert, key
end

function beside.free_port()
	local id, _, port = socket.listen("127.0.0.1", 0)
	socket.close(id)
	return port
end

-- Waits until f returns a true value, which is returned, at most 30 s; or until the process has
-- ended. Otherwise it raises, with the end of the log.
function beside.until_ready(what, pid, log, f)
	for _ = 1, 3000 do
		local value = f()
		if value then
			return value
		elseif process.ended(pid) ~= nil then
			break
		end
		skynet.sleep(1)
	end
	error(("%s is not ready: %s"):format(what, beside.capture("tail -20 " .. log)))
end

-- Waits until a process that was started here has ended. Returns how, see process.ended.
function beside.wait(pid)
	for _ = 1, 6000 do
		local status = process.ended(pid)
		if status ~= nil then
			return status
		end
		skynet.sleep(1)
	end
	error(("process %d does not end"):format(pid))
end

-- The state of any process as the kernel shows it, "" when there is none.
function beside.state(pid)
	local f <close> = io.open(("/proc/%s/stat"):format(pid))
	return f and f:read "a":match "%) (%a)" or ""
end

-- Returns when KILL or STOP have worked on a process that was started here.
function beside.signal(pid, name)
	process.signal(pid, name)
	if name == "KILL" then
		beside.wait(pid)
	elseif name == "STOP" then
		while beside.state(pid) ~= "T" do
			skynet.sleep(1)
		end
	end
end

beside.start = process.start

return beside
