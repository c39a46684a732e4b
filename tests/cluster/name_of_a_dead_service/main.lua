-- SPDX-License-Identifier: MIT
-- Calls by a global name whose owner, a service here, has just been killed. `.probe` gives how they
-- ended.
local skynet = require "skynet"
require "skynet.manager"
local harbor = require "skynet.harbor"

local command = {}

-- n owners in turn, each killed and called at once by its name; gives answers, errors, the last
-- error.
function command.round(n)
	local answered, failed, why = 0, 0, nil
	for _ = 1, n do
		local owner = skynet.newservice("main", "owner")
		skynet.kill(owner)
		local ok, text = pcall(skynet.calltimeout, 500, "X", "lua", "hi")
		if ok then
			answered = answered + 1
		elseif text:find "timeout" then
			return answered, failed, "it hung"
		else
			failed, why = failed + 1, text
		end
	end
	return answered, failed, why
end

-- An owner for another node to call; it is killed by "kill".
local owner
function command.own() owner = skynet.newservice("main", "owner") end
function command.kill() skynet.kill(owner) end
function command.call()
	local t = skynet.now()
	local ok, why = pcall(skynet.calltimeout, 500, "X", "lua", "hi")
	return ok, why, skynet.now() - t
end

local role = ...

skynet.start(function()
	if role == "owner" then
		skynet.dispatch("lua", function() skynet.retpack "hello" end)
		harbor.register "X"
		return
	end
	skynet.dispatch("lua", function(_, _, what, ...) skynet.retpack(command[what](...)) end)
	skynet.register ".probe"
end)
