-- SPDX-License-Identifier: MIT
-- The debugger inside of a service; loaded by the debug command REMOTEDEBUG. Lines come over a
-- channel (skynet.debugchannel), what is shown goes to the console's socket.
--
-- Only the task that is looked at stops; the service serves the others meanwhile.
local skynet = require "skynet"
local core = require "skynet.remotedebug.core"
local debugchannel = require "skynet.debugchannel"
local driver = require "skynet.socketdriver"

local POLL <const> = 10 -- cs
local OWN <const> = debug.getinfo(1, "S").source

local console          -- socket id; nil: not in debug mode
local watches = {}     -- protocol -> { f = the dispatch function of before, stopper = ours }
local stepping         -- the task that is looked at, from its first stop to its end or to "c"
local frame            -- where it stands; nil: it runs

local function write(text)
	driver.send(console, text)
end

local function prompt()
	if frame then
		write(("%s(%d)>"):format(frame.file, frame.line))
	else
		write((":%08x>"):format(skynet.self()))
	end
end

local function show(...)
	local words = table.pack(...)
	for i = 1, words.n do
		words[i] = tostring(words[i])
	end
	write(table.concat(words, "\t") .. "\n")
end

-- ---- stopping ----

local function on_stop(thread, depth, func, source, file, line, names)
	if source == OWN then
		return false
	end
	frame = {
		thread = thread, depth = depth, func = func, file = file, line = line,
			names = names,
	}
	prompt()
	return true
end

-- The task has ended, or its session.
local function release()
	core.off()
	stepping, frame = nil, nil
	core.go()
end

local function unwatch(name)
	local w = watches[name]
	watches[name] = nil
	-- the program may have set another one meanwhile
	if w and skynet.dispatch(name) == w.stopper then
		skynet.dispatch(name, w.f)
	end
end

-- Stops the next request of a protocol for which cond(session, source, ...) is true.
local function watch(name, cond)
	if watches[name] then
		unwatch(name)
	end
	local f = skynet.dispatch(name)
	assert(f, "nothing dispatches the protocol " .. tostring(name))
	local function stopper(session, source, ...)
		if stepping or not console or cond and not cond(session, source, ...) then
			return f(session, source, ...)
		end
		unwatch(name)
		local me = coroutine.running()
		local guard <close> = setmetatable({}, { __close = function()
			if stepping == me then
				release()
				prompt()
			end
		end })
		stepping = me
		core.step(me, on_stop)
		f(session, source, ...)
	end
	watches[name] = { f = f, stopper = stopper }
	skynet.dispatch(name, stopper)
end

-- ---- looking and changing ----

-- The nearest local of a name: its number.
local function find_local(name)
	for i = #frame.names, 1, -1 do
		if frame.names[i] == name then
			return i
		end
	end
end

local function find_upvalue(name)
	for i = 1, math.huge do
		local n = debug.getupvalue(frame.func, i)
		if n == nil then
			return nil
		elseif n == name then
			return i
		end
	end
end

local own = { print = show, watch = watch }

local function globals()
	local i = frame and find_upvalue "_ENV"
	return i and select(2, debug.getupvalue(frame.func, i)) or _ENV
end

local env = setmetatable({}, {
	__index = function(_, name)
		local i = frame and find_local(name)
		if i then
			return (select(2, debug.getlocal(frame.thread, 0, i)))
		end
		i = frame and find_upvalue(name)
		if i then
			return (select(2, debug.getupvalue(frame.func, i)))
		elseif name == "_CO" then
			return frame and frame.thread
		elseif own[name] then
			return own[name]
		end
		return globals()[name]
	end,
	__newindex = function(_, name, value)
		local i = frame and find_local(name)
		if i then
			debug.setlocal(frame.thread, 0, i, value)
			return
		end
		i = frame and find_upvalue(name)
		if i then
			debug.setupvalue(frame.func, i, value)
		else
			globals()[name] = value
		end
	end,
})

local function evaluate(line)
	local f, why = load("return " .. line, "=console", "t", env)
	if not f then
		f, why = load(line, "=console", "t", env)
	end
	if not f then
		return show(why)
	end
	local results = table.pack(pcall(f))
	if not results[1] or results.n > 1 then
		show(table.unpack(results, 2, results.n))
	end
end

-- ---- commands ----

local function go_on(depth)
	local at = frame
	frame = nil
	core.step(at.thread, on_stop, depth)
	core.go()
end

local command = {}

function command.s()
	go_on()
end

function command.n()
	go_on(frame.depth)
end

function command.c()
	release()
	prompt()
end

-- true: the session ends.
local function obey(line)
	line = line:match "^%s*(.-)%s*$"
	if line == "cont" then
		return true
	elseif command[line] and frame then
		command[line]()
		return
	elseif line ~= "" and not command[line] then
		evaluate(line)
	end
	if frame or not stepping then
		prompt()
	end
end

local function leave()
	for name in pairs(watches) do
		unwatch(name)
	end
	release()
	console = nil
	skynet.error "Leave debug mode"
end

-- The debug command: answers when debugging has ended.
return function(fd, id)
	if console then
		error("Already in debug mode", 0)
	end
	local channel <close> = debugchannel.connect(id)
	if not channel then
		error("no such channel", 0)
	end
	console = fd
	skynet.error "Enter debug mode"
	do
		local guard <close> = setmetatable({}, { __close = leave })
		prompt()
		while true do
			local line = channel:read()
			if line == nil or line and obey(line) then
				break
			elseif not line then
				skynet.sleep(POLL)
			end
		end
	end
	skynet.ret()
end
