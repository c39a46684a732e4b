-- SPDX-License-Identifier: MIT
-- The first Lua service: starts the others, then the user's `start` service, and ends.
--
-- Tells the daemon how it went: "start_done"; "start_failed" with the reason when the start service
-- threw, "boot_failed" when one of ours did. By a message to .daemon, which wakes it, and by the
-- environment, which stays when a start service ends the node before the message is read.
local skynet = require "skynet"
require "skynet.manager"

skynet.register_protocol {
	name = "text",
	id = skynet.PTYPE_TEXT,
	pack = function(text) return text end,
	unpack = skynet.tostring,
}

-- Before the start service: who asks meanwhile hears that the node is not ready yet.
local function listen()
	if skynet.getenv "web_listen" then
		skynet.newservice "harborweb"
	end
end

local function boot()
	local launcher = assert(skynet.launch("snlua", "launcher"), "the launcher did not start")
	skynet.name(".launcher", launcher)
	if skynet.getenv "harbor" == "0" and not skynet.getenv "standalone" then
		skynet.setenv("standalone", "true")
	end
	local slave = skynet.getenv "harbor" == "0" and "cdummy" or "cslave"
	skynet.name(".cslave", skynet.newservice(slave))
	if skynet.getenv "standalone" then
		skynet.newservice "datacenterd"
	end
	skynet.newservice "service_mgr"
	listen()
	if skynet.getenv "federation_listen" then
		skynet.newservice "federationd"
	end
	if skynet.getenv "enablessl" == "true" then
		skynet.uniqueservice "ltls_holder"
	end
end

local function start()
	local words = {}
	for word in (skynet.getenv "start_args" or ""):gmatch "%S+" do
		words[#words + 1] = word
	end
	skynet.newservice(skynet.getenv "start" or "main", table.unpack(words))
end

-- What a called service threw begins with where it threw; that this one called it is no news, and
-- would send the reader to a file that is not his.
local function cause(why)
	return (tostring(why):gsub("^[^\n]-bootstrap%.lua:%d+: call failed: error in callee: ", ""))
end

skynet.start(function()
	local key, reason = "start_done", ""
	local booted, why = pcall(boot)
	local started = booted
	if booted then
		started, why = pcall(start)
	end
	if not started then
		key, reason = booted and "start_failed" or "boot_failed", cause(why)
	end
	skynet.setenv(key, reason)
	skynet.send(".daemon", "text", key .. " " .. reason)
	skynet.exit()
end)
