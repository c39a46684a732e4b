-- SPDX-License-Identifier: MIT
-- The commands of debug_console: name -> { help, function(line, words ...) }. A function returns
-- one result, which is shown, or raises a text. `line` is { fd = the console's socket, text = the
-- whole line, http = is it a request of HTTP? }; line.take_over(f): f gets the lines that follow as
-- long as the command runs, "cont" is the last; nil when the connection ends.
local skynet = require "skynet"
local core = require "skynet.core"
local address = require "skynet.consoleaddress"

local TIMEOUT <const> = 300 -- cs

local commands = {}

local function command(name, usage, f)
	commands[name] = { help = usage, f = f }
end

-- Centiseconds for the launcher: nil is for ever.
local function patience(text)
	local ti = tonumber(text or TIMEOUT)
	if not ti then
		error("Not a number of centiseconds: " .. text, 0)
	end
	return ti > 0 and math.tointeger(ti // 1) or nil
end

local function launcher(...)
	return skynet.call(".launcher", "lua", ...)
end

local function ask(text, ...)
	return skynet.call(address(text), "debug", ...)
end

-- ---- services ----

command("list", "list all the services", function()
	return launcher "LIST"
end)

command("stat", "stat [ti]: load of every service", function(_, ti)
	return launcher("STAT", patience(ti))
end)

command("mem", "mem [ti]: memory of every service", function(_, ti)
	return launcher("MEM", patience(ti))
end)

command("gc", "gc [ti]: collect garbage in every service, then as mem", function(_, ti)
	return launcher("GC", patience(ti))
end)

command("service", "list the unique services", function()
	return skynet.call("SERVICE", "lua", "LIST")
end)

local function started(name, ok, handle)
	if not ok then
		return "Failed"
	end
	return { [skynet.address(handle)] = name }
end

command("start", "start name ...: launch a Lua service", function(_, name, ...)
	local ok, handle = pcall(skynet.newservice, name, ...)
	if ok and not handle then
		return "Exit"
	end
	return started(name, ok, handle)
end)

command("log", "log name ...: launch a Lua service with the log of its messages open",
function(_, name, ...)
	local ok, handle = pcall(launcher, "LOGLAUNCH", "snlua", name, ...)
	return started(name, ok and handle, handle)
end)

command("snax", "snax name ...: launch a snax service", function(_, ...)
	local name = ...
	local ok, service = pcall(function(...)
		return require "skynet.snax".newservice(...)
	end, ...)
	return started(name, ok and service, ok and service and service.handle)
end)

command("kill", "kill address: end a service", function(_, who)
	return launcher("KILL", address(who))
end)

command("exit", "exit address: ask a service to end itself", function(_, who)
	skynet.send(address(who), "debug", "EXIT")
end)

-- ---- one service ----

command("info", "info address ...: what the service tells of itself", function(_, who, ...)
	return (ask(who, "INFO", ...))
end)

command("task", "task address: where its tasks wait", function(_, who)
	return (ask(who, "TASK"))
end)

command("uniqtask", "uniqtask address: the same, equal places together", function(_, who)
	return (ask(who, "UNIQTASK"))
end)

command("killtask", "killtask address pattern: end a task by its thread", function(_, who, pattern)
	if not pattern then
		error("Need a pattern of threads", 0)
	end
	return (ask(who, "KILLTASK", pattern))
end)

command("ping", "ping address: centiseconds to an answer", function(_, who)
	local began = skynet.now()
	ask(who, "PING")
	return skynet.now() - began
end)

command("inject", "inject address file ...: run a Lua file inside of a service",
function(_, who, name, ...)
	local handle = address(who)
	local file <close> = name and io.open(name)
	if not file then
		return "Can't open " .. tostring(name)
	end
	local source = file:read "a"
	if not source then
		return "Can't open " .. name
	end
	local ok, output = skynet.call(handle, "debug", "RUN", source, name, ...)
	if not ok then
		error(output, 0)
	end
	return output
end)

command("call", "call address expr, expr ...: call a service with the values of Lua expressions",
function(line, who)
	local handle = address(who)
	local text = line.text:match "^%s*%S+%s+%S+%s+(.*%S)"
	if not text then
		error("need arguments", 0)
	end
	local f, why = load("return " .. text, "=call", "t", {})
	local args = table.pack(pcall(assert(f, why)))
	if not args[1] then
		error(args[2], 0)
	end
	return table.pack(skynet.call(handle, "lua", table.unpack(args, 2, args.n)))
end)

command("trace", "trace address [proto] [on|off]: log the ways of its requests",
function(_, who, proto, flag)
	if proto == "on" or proto == "off" then
		proto, flag = "lua", proto
	end
	if flag ~= nil and flag ~= "on" and flag ~= "off" then
		error("trace is on or off", 0)
	end
	local on
	if flag then
		on = flag == "on"
	end
	ask(who, "TRACELOG", proto or "lua", on)
end)

command("dbgcmd", "dbgcmd address CMD ...: a command of the debug protocol",
function(_, who, name, ...)
	if not name then
		error("Need a command", 0)
	end
	return (ask(who, name, ...))
end)

-- The lines that follow go to the service, until it or the console ends it.
command("debug", "debug address: stop in a service and look around, until 'cont'",
function(line, who)
	local handle = address(who)
	if select(2, skynet.harbor(handle)) then
		error("debug reaches services of this node only", 0)
	elseif line.http then
		error("debug needs a connection of its own", 0)
	end
	local agent = skynet.newservice "debug_agent"
	line.take_over(function(text)
		skynet.send(agent, "lua", text and "cmd" or "stop", text)
	end)
	local called, entered, why = pcall(skynet.call, agent, "lua", "start", handle, line.fd)
	if not (called and entered) then
		error(why or entered, 0)
	end
end)

-- ---- C commands ----

command("logon", "logon address: log its messages", function(_, who)
	core.command("LOGON", skynet.address(address(who)))
end)

command("logoff", "logoff address: log them no more", function(_, who)
	core.command("LOGOFF", skynet.address(address(who)))
end)

command("signal", "signal address [n]: 0 breaks its Lua code, 1 logs its memory",
function(_, who, n)
	local handle = address(who)
	if n and not tonumber(n) then
		error("Not a signal number: " .. n, 0)
	end
	core.command("SIGNAL", skynet.address(handle) .. (n and " " .. n or ""))
end)

-- ---- the process ----

command("clearcache", "compile Lua files anew", function()
	require "skynet.codecache".clear()
end)

command("cmem", "bytes of every service", function()
	local memory = require "skynet.memory"
	local list = { total = memory.total(), block = memory.block() }
	for handle, bytes in pairs(memory.info()) do
		list[skynet.address(handle)] = bytes
	end
	return list
end)

command("jmem", "figures of jemalloc", function()
	local list = {}
	for name, bytes in pairs(require "skynet.memory".jestat()) do
		list[name] = ("%11d  %8.2f Mb"):format(bytes, bytes / 1048576)
	end
	return list
end)

command("profactive", "profactive [on|off]: sample allocations", function(_, flag)
	if flag ~= nil and flag ~= "on" and flag ~= "off" then
		error("profactive is on or off", 0)
	end
	local on
	if flag then
		on = flag == "on"
	end
	local active = require "skynet.memory".profactive(on)
	return "heap profilling is " .. (active and "active" or "deactive")
end)

command("dumpheap", "write a heap profile", function()
	require "skynet.memory".dumpheap()
end)

local function bytes_text(n)
	if n < 1024 then
		return tostring(n)
	elseif n < 1048576 then
		return ("%.1fK"):format(n / 1024)
	end
	return ("%.1fM"):format(n / 1048576)
end

local function time_text(cs)
	if cs < 6000 then
		return ("%.2fs"):format(cs / 100)
	end
	local seconds = cs // 100
	if seconds < 3600 then
		return ("%d:%02d"):format(seconds // 60, seconds % 60)
	end
	return ("%d:%02d:%02d"):format(seconds // 3600, seconds // 60 % 60, seconds % 60)
end

command("netstat", "the sockets: how much, and how long ago", function()
	local list, now = require "skynet.socket".netstat(), skynet.now()
	for _, info in ipairs(list) do
		info.address = skynet.address(info.address)
		info.read = info.read and bytes_text(info.read)
		info.write = info.write and bytes_text(info.write)
		-- 0: never
		info.rtime = info.rtime and info.rtime > 0 and time_text(now - info.rtime) or nil
		info.wtime = info.wtime and info.wtime > 0 and time_text(now - info.wtime) or nil
	end
	return list
end)

command("getenv", "getenv key", function(_, key)
	if not key then
		error("Need a key", 0)
	end
	return { [key] = tostring((skynet.getenv(key))) }
end)

command("setenv", "setenv key value: a key that is not set yet", function(_, key, value)
	if not value then
		error("Need a key and a value", 0)
	end
	skynet.setenv(key, value)
end)

command("help", "this", function()
	local list = {}
	for name, c in pairs(commands) do
		list[name] = c.help
	end
	return list
end)

return commands
