-- SPDX-License-Identifier: MIT
-- skynet.snax: services whose methods are functions of a script, and objects that call them.
local skynet = require "skynet"
local interface = require "snax.interface"

local INIT <const> = 1

local snax = {}

skynet.register_protocol {
	name = "snax", id = skynet.PTYPE_SNAX, pack = skynet.pack, unpack = skynet.unpack,
}

local function environment()
	local module = skynet.getenv "snax_interface_g"
	if module then
		return require(module)
	end
	return { require = function() end }
end

local types = {}   -- name -> { name =, accept =, response =, system = }
local G            -- what the scripts see as globals here

-- interface(name): { name =, accept = { method = id }, response =, system = }, read once from the
-- service's script. Raises why it cannot be read.
function snax.interface(name)
	local t = types[name]
	if not t then
		G = G or environment()
		t = { name = name, accept = {}, response = {}, system = {} }
		for id, method in ipairs((interface(name, G))) do
			t[method[2]][method[3]] = id
		end
		types[name] = t
	end
	return t
end

-- ---- objects ----

local objects = setmetatable({}, { __mode = "v" })   -- handle -> object
local object_meta = {
	__tostring = function(o) return ("[%s:%x]"):format(o.type, o.handle) end,
}

-- A table whose fields are functions that are made when first used.
local function stubs(what, name, ids, handle, send)
	return setmetatable({}, { __index = function(t, method)
		local id = ids[method]
		if not id then
			error(("%s %s:%s no exist"):format(what, name, tostring(method)), 2)
		end
		local function stub(...)
			return send(handle, "snax", id, ...)
		end
		t[method] = stub
		return stub
	end })
end

-- bind(handle, name): the object of the snax service: { type =, handle =, post =, req = }. Raises
-- if the handle was bound to another type.
function snax.bind(handle, name)
	local o = objects[handle]
	if not o then
		local t = snax.interface(name)
		o = setmetatable({
			type = name, handle = handle,
			post = stubs("post", name, t.accept, handle, skynet.send),
			req = stubs("request", name, t.response, handle, skynet.call),
		}, object_meta)
		objects[handle] = o
	elseif o.type ~= name then
		error(("%s is a snax service of type '%s', not '%s'"):format(skynet.address(handle),
			o.type, tostring(name)), 2)
	end
	return o
end

-- self(): the object of this snax service.
function snax.self()
	return snax.bind(skynet.self(), SERVICE_NAME)
end

-- ---- births ----

-- rawnewservice(name, ...): starts a snax service, has it run init(...), returns its handle. Waits.
-- Raises why it did not start.
function snax.rawnewservice(name, ...)
	local handle = skynet.newservice("snaxd", name)
	if not handle then
		error(("the snax service '%s' exited while it started"):format(name), 2)
	end
	skynet.call(handle, "snax", INIT, ...)
	return handle
end

-- newservice(name, ...): the same; returns an object.
function snax.newservice(name, ...)
	snax.interface(name)   -- what is wrong with it shows before there is a service
	return snax.bind(snax.rawnewservice(name, ...), name)
end

local function ask_manager(what, name, ...)
	snax.interface(name)
	local handle, why = skynet.call(".service", "lua", what, "snaxd", name, ...)
	if not handle then
		error(why, 3)
	end
	return snax.bind(handle, name)
end

-- uniqueservice(name, ...), globalservice(name, ...): the object of the only one on the node, in
-- the whole cluster, which is started if there is none. Wait. Raise why it did not start, for ever.
function snax.uniqueservice(name, ...)
	return ask_manager("LAUNCH", name, ...)
end

function snax.globalservice(name, ...)
	return ask_manager("GLAUNCH", name, ...)
end

-- queryservice(name), queryglobal(name): the same, and wait until somebody starts it.
function snax.queryservice(name)
	return ask_manager("QUERY", name)
end

function snax.queryglobal(name)
	return ask_manager("GQUERY", name)
end

-- ---- life ----

local function system(o, method, ...)
	return skynet.call(o.handle, "snax", snax.interface(o.type).system[method], ...)
end

-- kill(object, ...): has the service run exit(...) and end. Waits.
function snax.kill(o, ...)
	system(o, "exit", ...)
end

-- exit(...): the same with this service.
function snax.exit(...)
	snax.kill(snax.self(), ...)
end

local function patched(ok, ...)
	if not ok then
		error(..., 0)
	end
	return ...
end

-- hotfix(object, source, ...): replaces functions of the service by those of the script `source`
-- (snax.hotfix says how) and returns what its hotfix(...) returned. Waits. Raises why it failed.
function snax.hotfix(o, source, ...)
	return patched(system(o, "hotfix", source, ...))
end

-- profile_info(object): { method = { count = calls, time = seconds that they ran } }. Waits.
function snax.profile_info(o)
	return system(o, "profile")
end

-- enablecluster(): messages of the type "lua" reach the methods too: id, arguments. So a service
-- can be called by cluster.snax. snaxd puts its own in here.
function snax.enablecluster()
	error("snax.enablecluster belongs into a snax service", 2)
end

-- printf(format, ...): a line of the log.
function snax.printf(fmt, ...)
	skynet.error(fmt:format(...))
end

return snax
