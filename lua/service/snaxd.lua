-- SPDX-License-Identifier: MIT
-- snaxd NAME: the body of a snax service, which is a script of functions (snax.interface).
local skynet = require "skynet"
local snax = require "skynet.snax"
local interface = require "snax.interface"
local profile = require "skynet.profile"

local name = ...
if not name then
	error("snaxd needs the name of a snax service", 0)
end

-- The script's modules lie in a folder of its name beside it. They are found before it runs.
local function enter_folder(pattern)
	local folder = (pattern:match "^([^?]*/)" or "./") .. name .. "/"
	SERVICE_PATH = folder
	package.path = folder .. "?.lua;" .. package.path
end

local function loader_of_program()
	local file = skynet.getenv "snax_loader"
	return file and assert(loadfile(file))()
end

SERVICE_NAME = name
local find = loader_of_program() or require "snax.find"
local methods = interface(name, _G, function(path, wanted, env)
	local chunk, pattern = find(path, wanted, env)
	enter_folder(pattern or "?.lua")
	return chunk, pattern
end)

-- ---- calls ----

local stopwatches = {}   -- method name -> { count =, time = }: to be closed after each call

local stopwatch = {
	__close = function(w)
		local ok, seconds = pcall(profile.stop)
		if ok then
			w.count, w.time = w.count + 1, w.time + seconds
		end
	end,
}

local function measure(what)
	local w = stopwatches[what]
	if not w then
		w = setmetatable({ count = 0, time = 0 }, stopwatch)
		stopwatches[what] = w
	end
	profile.start()
	return w
end

local function run(method, ...)
	local _ <close> = measure(method[3])
	return method[4](...)
end

local function answer(method, ...)
	local _ <close> = measure(method[3])
	skynet.retpack(method[4](...))
end

-- ---- life ----

local began, alive = false, false   -- init was called, init has returned

local function need_life()
	if not alive then
		error("Init first", 0)
	end
end

-- Nobody learns the handle of a service that failed to start: it ends.
local end_unless_alive = setmetatable({}, {
	__close = function()
		if not alive then
			skynet.fork(skynet.exit)
		end
	end,
})

local system = {}

function system.init(method, ...)
	if began then
		error("Already init", 0)
	end
	began = true
	local _ <close> = end_unless_alive
	if method[4] then
		run(method, ...)
	end
	alive = true
	skynet.ret()
end

-- A failure of the script's function is its caller's, and the service lives on: what it failed to
-- save is not lost.
function system.exit(method, ...)
	need_life()
	if method[4] then
		run(method, ...)
	end
	skynet.ret()
	skynet.exit()
end

function system.hotfix(_, source, ...)
	need_life()
	skynet.retpack(require "snax.hotfix"(methods, name, source, ...))
end

function system.profile()
	need_life()
	local rows = {}
	for what, w in pairs(stopwatches) do
		rows[what] = { count = w.count, time = w.time }
	end
	skynet.retpack(rows)
end

local function dispatch(_, _, id, ...)
	local method = methods[id]
	if not method then
		error(("the snax service '%s' has no method %s: does the caller have another "
			.. "version of its script?"):format(name, tostring(id)), 0)
	end
	local group = method[2]
	if group == "system" then
		return system[method[3]](method, ...)
	end
	need_life()
	if group == "accept" then
		run(method, ...)
	else
		answer(method, ...)
	end
end

-- enablecluster(): other nodes' cluster.call(node, service, id, ...) reach the methods, too.
function snax.enablecluster()
	skynet.dispatch("lua", dispatch)
end

skynet.dispatch("snax", dispatch)
skynet.start(function() end)
