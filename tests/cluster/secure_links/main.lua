-- Answers what it is asked, and asks others.
local skynet = require "skynet"
require "skynet.manager"

local COMMAND = {}

function COMMAND.echo(...) return ... end

-- A text of n bytes there and back.
function COMMAND.large(name, n)
	local text = string.rep("0123456789abcdef", n // 16)
	return skynet.call(name, "lua", "echo", text) == text
end

function COMMAND.ask(name, ...) return skynet.call(name, "lua", "echo", ...) end

function COMMAND.ask_often(name, n)
	local failed, text = 0, string.rep("x", 100)
	for i = 1, n do
		local ok, answer = pcall(skynet.call, name, "lua", "echo", i, text)
		if not ok or answer ~= i then failed = failed + 1 end
	end
	return failed
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, command, ...)
		skynet.retpack(COMMAND[command](...))
	end)
	skynet.register("MAIN_" .. skynet.getenv "nodename")
end)
