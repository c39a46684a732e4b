-- SPDX-License-Identifier: MIT
-- start(script, ...) -> port, quit: a peer in Python beside this file, which prints its port first
-- and ends when its standard input does.
return function(script, ...)
	local folder = debug.getinfo(1, "S").source:match "^@(.*/)"
	local fifo = os.tmpname()
	os.remove(fifo)
	assert(os.execute(("mkfifo %s"):format(fifo)))
	local command = ("/usr/bin/python3 %s%s %s < %s"):format(folder, script,
		table.concat({ ... }, " "), fifo)
	local p = assert(io.popen(command))
	local stdin = assert(io.open(fifo, "w"))
	os.remove(fifo)
	local port = tonumber(p:read "l")
	return assert(port, "the peer did not start"), function()
		stdin:close()
		p:close()
	end
end
