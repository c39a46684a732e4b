-- SPDX-License-Identifier: MIT
-- For test_beside: starts a program, and writes its pid into the file that the environment names.
local skynet = require "skynet"
local beside = require "beside"

skynet.start(function()
	local pid = beside.start { "sleep", "1000" }
	local name = skynet.getenv "pid_file"
	local f = assert(io.open(name .. ".new", "w"))
	f:write(pid, "\n")
	f:close()
	assert(os.rename(name .. ".new", name))
end)
