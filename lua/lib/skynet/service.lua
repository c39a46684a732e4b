-- SPDX-License-Identifier: MIT
-- skynet.service: services by name whose code is a function. One of a name per node; the service
-- service_provider knows them. Every function yields.
local skynet = require "skynet"

local service = {}

local provider

local function ask(...)
	provider = provider or skynet.uniqueservice "service_provider"
	return skynet.call(provider, "lua", ...)
end

local function check_name(name)
	assert(type(name) == "string", "the name of a service is a string")
end

-- new(name, f, ...): the handle of the service of that name. If there is none it is started: f(...)
-- runs in it, then the function that f passed to skynet.start. f travels as bytecode, so it may use
-- globals and nothing else from outside; the arguments must be serializable. Raises why it failed,
-- and so do all later calls until close(name).
function service.new(name, f, ...)
	check_name(name)
	assert(type(f) == "function", "the code of a service is a function")
	assert(debug.getupvalue(f, 1) == "_ENV" and not debug.getupvalue(f, 2),
		"the function of a service has one upvalue, _ENV")
	local handle, why = ask("LAUNCH", name, string.dump(f), ...)
	return handle or error(why, 2)
end

-- query(name): the handle, as soon as somebody has started it. Raises if that failed.
function service.query(name)
	check_name(name)
	local handle, why = ask("QUERY", name)
	return handle or error(why, 2)
end

-- close(name): kills it and returns true; false if it does not run. A failed one may be started
-- anew afterwards.
function service.close(name)
	check_name(name)
	return ask("CLOSE", name)
end

return service
