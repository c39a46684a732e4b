-- SPDX-License-Identifier: MIT
local skynet = require "skynet"

local lines, owner = {}

function init(name)
	if name == "fail" then
		error "no board"
	end
	owner = name
end

function accept.put(text) lines[#lines + 1] = text end
function response.all() return owner, skynet.harbor(skynet.self()), table.concat(lines, ",") end
