-- SPDX-License-Identifier: MIT
-- The message log of a service, as programs and operators open it.
local skynet = require "skynet"
local core = require "skynet.core"
local socket = require "skynet.socket"
local tap = require "tap"
local equal = tap.equal

if ... == "client" then
	skynet.start(function()
		skynet.dispatch("lua", function(_, _, port)
			local id = assert(socket.open("127.0.0.1", port))
			local text = socket.read(id, 5)
			socket.close(id)
			skynet.retpack(text)
		end)
	end)
	return
end

local function hex(text)
	return (text:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

local function read(address)
	local f <close> = assert(io.open(("%s/%08x.log"):format(skynet.getenv "logpath", address)))
	return f:read "a"
end

tap.run {
	{ "a request and an answer are lines: source, type, session, time, payload", function()
		local s, from = skynet.newservice "callee", #tap.log()
		skynet.call(s, "lua", "echo", "before")
		equal(core.command("LOGON", skynet.address(s)), nil)
		equal(skynet.call(s, "lua", "echo", "between", 7), "between")
		core.command("LOGOFF", skynet.address(s))
		equal(skynet.call(s, "lua", "echo", "after"), "after")
		local text = read(s)
		local now, date, line,
			closed = text:match "^open time: (%d+) ([^\n]+)\n(.*)close time: (%d+)\n$"
		assert(date:find "^%a%a%a %a%a%a [ %d]%d %d%d:%d%d:%d%d %d%d%d%d$", date)
		local wanted = ("^%s 10 (%%d+) (%%d+) %s\n$"):format(skynet.address(skynet.self()),
			hex(skynet.packstring("echo", "between", 7)))
		local session, at = line:match(wanted)
		assert(session, line)
		assert(tonumber(session) > 0)
		assert(tonumber(now) <= tonumber(at) and tonumber(at) <= tonumber(closed))
		tap.logged(("[%s] Open log file %s/%08x.log\n"):format(
			skynet.address(skynet.self()),
			skynet.getenv "logpath", s), from)
		tap.logged(("[%s] Close log file %s\n"):format(skynet.address(skynet.self()),
			skynet.address(s)), from)
	end },
	{ "LOGLAUNCH: the log is open when the start function runs", function()
		local s = skynet.call(".launcher", "lua", "LOGLAUNCH", "snlua", "callee", "x")
		equal(skynet.call(s, "lua", "args"), "x")
		local text = read(s)
		assert(text:find "^open time: ")
		assert(text:find(hex(skynet.packstring "args") .. "\n", 1, true), text)
		skynet.kill(s)
		tap.until_true("the end of the log",
			function() return read(s):find "\nclose time: %d+\n$" end)
	end },
	{ "events of sockets: type, id, number, text or bytes", function()
		local id, _, port = socket.listen("127.0.0.1", 0)
		socket.start(id, function(new)
			socket.start(new)
			socket.write(new, "h\0llo")
			socket.read(new)
			socket.close(new)
		end)
		local s = skynet.newservice(SERVICE_NAME, "client")
		core.command("LOGON", skynet.address(s))
		equal(skynet.call(s, "lua", port), "h\0llo")
		core.command("LOGOFF", skynet.address(s))
		skynet.call(s, "debug", "PING")
		local text = read(s)
		local fd = text:match "\n%[socket%] 2 (%d+) %d+ %[127%.0%.0%.1[^%]\n]*%]\n"
		assert(fd, text)
		assert(text:find(("\n[socket] 1 %s 5 68006c6c6f\n"):format(fd), 1, true), text)
		socket.close(id)
	end },
}
