-- SPDX-License-Identifier: MIT
-- .launcher: starts Lua services and knows which there are.
local skynet = require "skynet"
local core = require "skynet.core"
require "skynet.manager"

local services = {}  -- handle -> "module args"
local pending = {}   -- handle -> { answer = response of the LAUNCH request, session = }

local command = {}

local function launch(module, ...)
	local words = table.pack(module, ...)
	for i = 1, words.n do
		local kind = type(words[i])
		if kind == "nil" then
			words.n = i - 1 -- it ends the list
			break
		elseif kind ~= "string" and kind ~= "number" then
			error(("argument %d of %s is a %s; a service takes words")
				:format(i - 2, tostring(words[2]), kind))
		end
		words[i] = tostring(words[i])
	end
	local handle = skynet.launch(table.unpack(words, 1, words.n))
	if not handle then
		error("launch " .. table.concat(words, " ") .. " failed")
	end
	services[handle] = table.concat(words, " ", 1, words.n)
	local session = skynet.context()
	pending[handle] = session and { session = session, answer = skynet.response() }
	return handle
end

local function settle(handle, ...)
	local request = pending[handle]
	pending[handle] = nil
	if request then
		request.answer(...)
	end
end

function command.LAUNCH(_, ...)
	launch(...)
end

-- The service goes on here with the state that it had on another node.
function command.ADOPT(_, line, ...)
	local handle = require "skynet.handover.core".launch(line, ...)
	if not handle then
		error("launch snlua " .. line .. " failed")
	end
	services[handle] = "snlua " .. line
	pending[handle] = { session = skynet.context(), answer = skynet.response() }
end

-- With the log of its messages open from the first one.
function command.LOGLAUNCH(_, ...)
	core.command("LOGON", skynet.address(launch(...)))
end

function command.LAUNCHOK(source)
	settle(source, true, source)
end

-- The new service says why it failed; the launching call raises with that reason.
function command.ERROR(source, why)
	services[source] = nil
	settle(source, false, "error in callee: " .. (why or "the service did not start"))
end

function command.REMOVE(_, handle, killed)
	services[handle] = nil
	settle(handle, not killed)
end

function command.LIST()
	local list = {}
	for handle, text in pairs(services) do
		list[skynet.address(handle)] = text
	end
	skynet.retpack(list)
end

function command.KILL(_, handle)
	local text = services[handle]
	skynet.kill(handle)
	skynet.retpack { [skynet.address(handle)] = tostring(text) }
end

function command.QUERY(_, session)
	for handle, request in pairs(pending) do
		if request.session == session then
			return skynet.retpack(handle)
		end
	end
	skynet.retpack(nil)
end

-- Asks every service by the debug protocol; `ti` centiseconds at most.
local function ask_all(ti, what, show)
	local list, left, me = {}, 0, coroutine.running()
	for handle, text in pairs(services) do
		left = left + 1
		skynet.fork(function()
			local ok, value
			if ti and ti > 0 then
				ok, value = pcall(skynet.calltimeout, ti, handle, "debug", what)
			else
				ok, value = pcall(skynet.call, handle, "debug", what)
			end
			if not ok then
				value = value:find("timeout", 1, true) and "TIMEOUT" or "ERROR"
			end
			list[skynet.address(handle)] = show(value, text)
			left = left - 1
			if left == 0 then
				skynet.wakeup(me)
			end
		end)
	end
	if left > 0 then
		skynet.wait(me)
	end
	return list
end

local function show_memory(kb, text)
	if type(kb) == "string" then
		return kb .. " (" .. text .. ")"
	end
	return ("%.2f Kb (%s)"):format(kb, text)
end

function command.STAT(_, ti)
	skynet.retpack(ask_all(ti, "STAT", function(v) return v end))
end

function command.MEM(_, ti)
	skynet.retpack(ask_all(ti, "MEM", show_memory))
end

-- What each keeps of shared code and tables, of which old versions.
function command.SHARED(_, ti)
	skynet.retpack(ask_all(ti, "SHARED", function(v) return v end))
end

function command.GC(_, ti)
	for handle in pairs(services) do
		skynet.send(handle, "debug", "GC")
	end
	skynet.retpack(ask_all(ti, "MEM", show_memory))
end

skynet.register_protocol {
	name = "text",
	id = skynet.PTYPE_TEXT,
	pack = function(text) return text end,
	unpack = skynet.tostring,
	dispatch = function(_, source, what)
		if what == "ERROR" then
			command.ERROR(source)
		else
			command.LAUNCHOK(source)
		end
	end,
}

-- In the main chunk: requests may come before the start function runs.
skynet.dispatch("lua", function(session, source, name, ...)
	local f = command[type(name) == "string" and name:upper()]
	if f then
		f(source, ...)
	elseif session ~= 0 then
		skynet.retpack { "Unknown command" }
	end
end)

skynet.start(function() end)
