-- SPDX-License-Identifier: MIT
local skynet = require "skynet"
local socket = require "skynet.socket"
local words = require "words"
local fd, lobby, name

local function reply(text) socket.write(fd, text .. "\n") end
local verbs = {}

function verbs.nick(wanted)
	local ok, why = skynet.call(lobby, "lua", "join", wanted, skynet.self())
	if ok then name = wanted end
	reply(ok and ("you are " .. wanted) or ("no: " .. why))
end

function verbs.who()
	reply(table.concat(skynet.call(lobby, "lua", "names"), " "))
end

function verbs.msg(rest)
	local to, text = rest:match "^(%S+)%s+(.*)$"
	if not skynet.call(lobby, "lua", "whisper", name, to,
		text) then reply("no such name: " .. to) end
end

function verbs.crash() error "asked to crash" end

local function serve(from)
	reply(skynet.getenv "motd")
	while true do
		local line = socket.readline(fd)
		if not line then break end
		local verb, rest = words.split(line)
		if verb == "quit" then break end
		if verb then
			local f = verbs[verb]
			if not f then
				reply("what is " .. verb .. "?")
			else
				local ok = pcall(f, rest)
				if not ok then reply("it broke") end
			end
		elseif name then
			skynet.send(lobby, "lua", "shout", name, line)
		end
	end
	socket.close(fd)
	if name then skynet.send(lobby, "lua", "leave", name) end
	skynet.error("gone: " .. from)
	skynet.exit()
end

skynet.start(function()
	skynet.dispatch("lua", function(_, _, what, ...)
		if what == "say" then return reply(...) end
		local from
		fd, from, lobby = ...
		socket.start(fd)
		skynet.fork(serve, from)
	end)
end)
