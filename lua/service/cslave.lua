-- SPDX-License-Identifier: MIT
-- .cslave: what programs that do not use skynet.harbor ask about the cluster. The control plane
-- itself is in C (harbor/); this service passes questions on.
local skynet = require "skynet"
local commands = require "skynet.commands"
local harbor = require "skynet.harbor"

local command = {}

function command.LINK(id)
	harbor.link(id)
end

function command.CONNECT(id)
	harbor.connect(id)
end

function command.LINKMASTER()
	harbor.linkmaster()
end

function command.QUERYNAME(name)
	return harbor.queryname(name)
end

function command.REGISTER(name, handle)
	harbor.globalname(name, handle)
end

skynet.start(function()
	commands.serve { returns = command }
end)
