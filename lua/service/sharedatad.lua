-- SPDX-License-Identifier: MIT
-- sharedatad: tells readers of shared data and datasheets that there is a new version. The versions
-- themselves are found without it (skynet.sharetable.core).
local skynet = require "skynet"
local commands = require "skynet.commands"
local core = require "skynet.sharetable.core"

local waiting = {}   -- name -> list of { response, source }
local command = {}

local function answer(name, ...)
	local list = waiting[name]
	waiting[name] = nil
	for _, response in ipairs(list or {}) do
		response(true, ...)
	end
end

-- Answers with the number of the version once it is not `version` any more; nothing if the name
-- ends.
function command.monitor(name, version)
	local newest = core.current(name)
	if newest ~= version then
		return skynet.retpack(newest ~= 0 and newest or nil)
	end
	local list = waiting[name] or {}
	waiting[name] = list
	list[#list + 1] = skynet.response()
end

function command.changed(name)
	answer(name, core.current(name))
	skynet.retpack()
end

function command.deleted(name)
	answer(name)
	skynet.retpack()
end

-- Those who died while they waited are forgotten.
local function sweep()
	for name, list in pairs(waiting) do
		local alive = {}
		for _, response in ipairs(list) do
			if response "TEST" then
				alive[#alive + 1] = response
			end
		end
		waiting[name] = #alive > 0 and alive or nil
	end
	skynet.timeout(6000, sweep)
end

skynet.start(function()
	commands.serve { answers = command }
	skynet.timeout(6000, sweep)
	skynet.info_func(function()
		local info = {}
		for name, list in pairs(waiting) do
			info[name] = #list
		end
		return info
	end)
end)
