-- SPDX-License-Identifier: MIT
-- Nodes that send each other pointers. Every service here answers what it got, or a pointer of its
-- own.
local skynet = require "skynet"
require "skynet.manager"
local harbor = require "skynet.harbor"
local cluster = require "skynet.cluster"
local core = require "skynet.core"

local here, mode = ...
local POINTER <const> = select(1, skynet.pack("what a pointer points to"))

local function answer(what)
	if what == "give me yours" then
		skynet.retpack(POINTER)
	else
		skynet.retpack(type(what))
	end
end

-- Also by a protocol that unpacks by hand.
local function plain()
	skynet.dispatch("lua", function(_, _, ...) answer(...) end)
	skynet.register_protocol {
		name = "own",
		id = 100,
		pack = skynet.pack,
		unpack = function(msg, size) return skynet.unpack(msg, size) end,
		dispatch = function(_, _, ...) answer(...) end,
	}
end

if mode == "plain" then
	skynet.start(plain)
	return
elseif mode == "forward" then
	-- gives the buffer on to the plain service, as it is
	skynet.forward_type({ [skynet.PTYPE_LUA] = 101 }, function()
		skynet.register_protocol {
			name = "buffer",
			id = 101,
			unpack = function(...) return ... end,
			dispatch = function(session, source, msg, size)
				skynet.ignoreret()
				core.redirect(".plain", source, skynet.PTYPE_LUA, session, msg,
					size)
			end,
		}
	end)
	return
end

local command = {}

local function argument(what)
	return what == "pointer" and POINTER or what
end

function command.harbor(name, what, typename)
	local address = harbor.queryname(name)
	return pcall(skynet.call, address, typename or "lua", argument(what))
end

function command.local_call(what)
	return pcall(skynet.call, ".plain", "lua", argument(what))
end

function command.open()
	local _, port = cluster.open(0)
	return port
end

function command.join(port)
	cluster.reload { there = "127.0.0.1:" .. math.tointeger(port) }
end

function command.cluster(what)
	return pcall(cluster.call, "there", ".plain", argument(what))
end

function command.push(what)
	cluster.send("there", ".plain", argument(what))
end

function command.long(what)
	return pcall(cluster.call, "there", ".plain", ("x"):rep(100000), argument(what))
end

skynet.start(function()
	skynet.register_protocol { name = "own", id = 100, pack = skynet.pack,
		unpack = skynet.unpack }
	local plain = skynet.newservice("main", here, "plain")
	local forward = skynet.newservice("main", here, "forward")
	skynet.name(".plain", plain)
	skynet.name("PLAIN_" .. here, plain)
	skynet.name("FORWARD_" .. here, forward)
	skynet.register ".main"
	skynet.dispatch("lua", function(_, _, name, ...)
		local r = table.pack(command[name](...))
		for i = 1, r.n do
			r[i] = type(r[i]) == "userdata" and "a pointer" or r[i]
		end
		skynet.retpack(table.unpack(r, 1, r.n))
	end)
end)
