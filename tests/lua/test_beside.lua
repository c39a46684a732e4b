-- SPDX-License-Identifier: MIT
-- Programs beside a test end with its node, also when that is killed: a node that has started one
-- is killed, and the program is gone.
local skynet = require "skynet"
local beside = require "beside"
local process = require "process"
local tap = require "tap"
local equal = tap.equal

-- A node with a service that starts a program and writes its pid into a file.
local function node_with_program(dir)
	local here = debug.getinfo(1, "S").source:match "^@(.*)/"
	local cmod = package.searchpath("process", package.cpath):match "^(.*)/"
	local conf = assert(io.open(dir .. "/node.yaml", "w"))
	conf:write(([[
lua: { start: beside_owner, service_path: ["%s/?.lua"], path: ["%s/?.lua"], cpath: ["%s/?.so"] }
log: { sink: file, file: "%s/node.log" }
env: { pid_file: "%s/pid" }
]]):format(here, here, cmod, dir, dir))
	conf:close()
	return beside.start { assert(beside.capture "readlink /proc/$PPID/exe"),
		dir .. "/node.yaml", log = dir .. "/out" }
end

local function gone(pid)
	return beside.state(pid):find "^[ZX]?$"
end

tap.run {
	{ "a program that is killed, one that ends, one that is none", function()
		local pid = beside.start { "sleep", "1000" }
		equal(process.ended(pid), nil)
		beside.signal(pid, "STOP")
		equal(beside.state(pid), "T")
		process.signal(pid, "CONT")
		process.signal(pid, "KILL")
		equal(beside.wait(pid), -9)
		equal(process.ended(pid), false)
		equal(beside.wait(beside.start { "sh", "-c", "exit 7" }), 7)
		equal(beside.wait(beside.start { "/nowhere" }), 127)
	end },
	{ "the node is killed: its program ends too", function()
		local dir = beside.folder()
		local node = node_with_program(dir)
		local program = beside.until_ready("the program", node, dir .. "/out", function()
			local f <close> = io.open(dir .. "/pid")
			return f and f:read "n"
		end)
		equal(gone(program), nil)
		beside.signal(node, "KILL")
		tap.until_true("its end", function() return gone(program) end)
		os.execute("rm -r " .. dir)
	end },
}
