-- SPDX-License-Identifier: MIT
-- debug_agent: stands between a debug console and the service that is debugged. When it ends, so
-- does the session.
local skynet = require "skynet"
local commands = require "skynet.commands"
local debugchannel = require "skynet.debugchannel"

local channel, id = debugchannel.create()

local command = {}

-- Answers when debugging has ended: true, or false and why it never began.
function command.start(address, fd)
	skynet.retpack(pcall(skynet.call, address, "debug", "REMOTEDEBUG", fd, id))
	skynet.exit()
end

function command.cmd(line)
	channel:write(line)
end

function command.stop()
	skynet.exit()
end

skynet.start(function()
	commands.serve { answers = command }
end)
