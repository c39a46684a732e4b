-- SPDX-License-Identifier: MIT
-- skynet.commands: tables of functions as the protocol "lua".
local skynet = require "skynet"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises
local mode, source = ...

if mode == "server" then
	local commands = require "skynet.commands"
	local returns, answers, kept, told = {}, {}, {}, nil

	function returns.add(...)
		told = table.pack(...)
		return ...
	end

	function returns.told()
		return table.unpack(told, 1, told.n)
	end

	function returns.fail() error "it fails" end

	function answers.later() kept[#kept + 1] = skynet.response() end

	function answers.now(...)
		for i = 1, #kept do
			kept[i](true, i)
			kept[i] = nil
		end
		skynet.retpack(...)
	end

	-- in both: `answers` comes first
	function returns.both() return "returns" end

	function answers.both() skynet.retpack "answers" end

	skynet.start(function()
		commands.serve { returns = returns, answers = answers, source = source == "source" }
	end)
	return
end

local function server(...)
	return skynet.newservice("test_commands", "server", ...)
end

tap.run {
	{ "what a function returns is the answer, nils and nothing too", function()
		local s = server()
		local r = table.pack(skynet.call(s, "lua", "add", 1, nil, 3, nil))
		equal(r.n, 4)
		equal(r[3], 3)
		equal(select("#", skynet.call(s, "lua", "add")), 0)
	end },
	{ "a send runs the function and answers nobody", function()
		local s = server()
		skynet.send(s, "lua", "add", "sent")
		equal(skynet.call(s, "lua", "told"), "sent")
	end },
	{ "a function of `answers` answers by itself, later too", function()
		local s, got = server(), nil
		skynet.fork(function() got = skynet.call(s, "lua", "later") end)
		skynet.yield()
		equal(skynet.call(s, "lua", "now", "x"), "x")
		tap.until_true("the later answer", function() return got == 1 end)
		equal(skynet.call(s, "lua", "both"), "answers")
	end },
	{ "source: the sender's address comes first, in both tables", function()
		local s = server "source"
		local from, value = skynet.call(s, "lua", "add", 7)
		equal(from, skynet.self())
		equal(value, 7)
		equal(skynet.call(s, "lua", "now"), skynet.self())
	end },
	{ "an unknown name is an error of the caller that names it; so is nil", function()
		local s = server()
		raises("unknown command nosuch", skynet.call, s, "lua", "nosuch")
		raises("unknown command nil", skynet.call, s, "lua")
		raises("it fails", skynet.call, s, "lua", "fail")
	end },
}
