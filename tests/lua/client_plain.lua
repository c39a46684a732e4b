-- SPDX-License-Identifier: MIT
-- For lua5.4, outside of any node: client.socket against the port of client_echo.
local socket = require "client.socket"

local function receive(fd)
	while true do
		local text = socket.recv(fd)
		if text then
			return text
		end
		socket.usleep(1000)
	end
end

local fd = socket.connect("127.0.0.1", tonumber(arg[1]))
assert(socket.recv(fd) == nil)
local big, got = ("0123456789abcdef"):rep(8192), 0
socket.send(fd, big)
while got < #big do
	local text = receive(fd)
	assert(#text <= 4096)
	got = got + #text
end
socket.send(fd, "quit")
assert(receive(fd) == "quit" and receive(fd) == "")
socket.close(fd)

local lines = {}
while true do
	local line, eof = socket.readstdin()
	if line then
		lines[#lines + 1] = #line > 20 and #line or line
	elseif eof then
		break
	else
		socket.usleep(1000)
	end
end
print(table.concat(lines, ","))
