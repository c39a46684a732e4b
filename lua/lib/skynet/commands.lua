-- SPDX-License-Identifier: MIT
-- skynet.commands: the protocol "lua" of a service as tables of functions. The first value of a
-- message is the name of the function, the others are its arguments. It is what the services of a
-- node are written with.
local skynet = require "skynet"

local commands = {}

local function unknown(name)
	error("unknown command " .. tostring(name), 0)
end

local function answer(session, f, ...)
	if session == 0 then
		f(...)
	else
		skynet.retpack(f(...))
	end
end

-- serve { returns = table, answers = table, source = boolean } from now on. What a function of
-- `returns` returns is the answer to a call; a function of `answers` answers by itself, now or
-- later. Each of the tables may be absent. With `source` the functions get the address of the
-- sender in front of their arguments. A name that is in neither table is an error of the caller:
-- "unknown command NAME".
function commands.serve(how)
	local returns, answers = how.returns or {}, how.answers or {}
	if how.source then
		skynet.dispatch("lua", function(session, source, name, ...)
			local f = answers[name]
			if f then
				f(source, ...)
			else
				answer(session, returns[name] or unknown(name), source, ...)
			end
		end)
	else
		skynet.dispatch("lua", function(session, _, name, ...)
			local f = answers[name]
			if f then
				f(...)
			else
				answer(session, returns[name] or unknown(name), ...)
			end
		end)
	end
end

return commands
