-- SPDX-License-Identifier: MIT
-- skynet.sharedata: configuration trees that all services of this node read. The data are images
-- (see skynet.sharetable); the service sharedatad tells readers of new versions. All functions but
-- flush may yield.
local skynet = require "skynet"
local core = require "skynet.sharetable.core"
local corelib = require "skynet.sharedata.corelib"

local sharedata = {}

local service
skynet.init(function()
	service = skynet.uniqueservice "sharedatad"
end)

local roots = setmetatable({}, { __mode = "v" })   -- name -> proxy

local function full_name(name)
	assert(type(name) == "string", "the name of shared data is a string")
	return "sharedata:" .. name
end

-- What new and update share: a table, Lua source or "@file", with arguments.
local function content(v, ...)
	if v == nil then
		return {}
	elseif type(v) == "table" then
		return v
	elseif type(v) ~= "string" then
		error(("Unknown data type %s"):format(type(v)), 3)
	end
	local env = setmetatable({}, { __index = _G })
	local f
	if v:sub(1, 1) == "@" then
		f = assert(loadfile(v:sub(2), "bt", env))
	else
		f = assert(load(v, "=(load)", "bt", env))
	end
	local result = f(...)
	setmetatable(env, nil)
	return type(result) == "table" and result or env
end

local monitored = {}   -- name -> true: a task of this service waits for the next version

local function monitor(name, version)
	repeat
		local ok, newest =
			pcall(skynet.call, service, "lua", "monitor", full_name(name), version)
		if not ok then
			break
		elseif newest then
			version = newest
			if roots[name] then
				corelib.host.markdirty(roots[name])
			end
		else -- the name has ended; its proxies keep what they show
			roots[name] = nil
		end
	until not roots[name]
	monitored[name] = nil
end

-- new(name, v, ...): raises if there is one of that name.
function sharedata.new(name, v, ...)
	local full = full_name(name)
	if core.publish(full, content(v, ...), true, true) == 0 then
		error(("share data %s is existed"):format(name), 2)
	end
	skynet.call(service, "lua", "changed", full_name(name))
end

-- update(name, v, ...): readers of the version before see this one from their next access after a
-- while on.
function sharedata.update(name, v, ...)
	core.publish(full_name(name), content(v, ...), true)
	skynet.call(service, "lua", "changed", full_name(name))
end

-- Readers keep what they have.
function sharedata.delete(name)
	if not core.withdraw(full_name(name)) then
		error(("share data %s is not existed"):format(name), 2)
	end
	roots[name] = nil
	skynet.call(service, "lua", "deleted", full_name(name))
end

function sharedata.query(name)
	local full = full_name(name)
	local root = roots[name]
	if root and core.current(full) ~= 0 then
		return root
	end
	local data, version = core.query(full)
	if not data then
		error(("share data %s is not existed"):format(name), 2)
	end
	root = corelib.box(data, full)
	roots[name] = root
	if not monitored[name] then
		monitored[name] = true
		skynet.fork(monitor, name, version)
	end
	return root
end

-- All proxies of this service show the newest version.
function sharedata.flush()
	for _, root in pairs(roots) do
		corelib.host.markdirty(root)
		corelib.flush(root)
	end
	collectgarbage()
end

-- deepcopy(name, key, ...): a plain copy of the value at the path, nil if there is no such path.
function sharedata.deepcopy(name, ...)
	local data = core.query(full_name(name))
	if not data then
		error(("share data %s is not existed"):format(name), 2)
	end
	return corelib.copy(data, ...)
end

return sharedata
