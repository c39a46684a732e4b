-- SPDX-License-Identifier: MIT
-- debug_console [ip] port: commands for operators on a TCP port, by lines or by HTTP. Whoever can
-- connect can run any code in this node: listen on loopback.
local skynet = require "skynet"
local core = require "skynet.core"
local socket = require "skynet.socket"
local commands = require "skynet.consolecmd"

local LINE_MAX <const> = 65536 -- bytes that wait to be read; who sends more is cut off
local HEADERS_MAX <const> = 100

local ip, port = ...
if not port then
	ip, port = "127.0.0.1", ip
end

-- A table's keys in the order of their texts.
local function sorted(t)
	local keys, texts = {}, {}
	for key in pairs(t) do
		keys[#keys + 1] = key
		texts[key] = tostring(key)
	end
	table.sort(keys, function(a, b) return texts[a] < texts[b] end)
	return keys
end

local function value_text(value)
	if type(value) ~= "table" then
		return tostring(value)
	end
	local words = {}
	for _, key in ipairs(sorted(value)) do
		words[#words + 1] = tostring(key) .. ":" .. tostring(value[key])
	end
	return table.concat(words, "\t")
end

local function result_text(value)
	if type(value) ~= "table" then
		return value == nil and "" or tostring(value) .. "\n"
	end
	local lines = {}
	for _, key in ipairs(sorted(value)) do
		lines[#lines + 1] = tostring(key) .. "\t" .. value_text(value[key]) .. "\n"
	end
	return table.concat(lines)
end

-- What is to be shown for a line.
local function run(line)
	local words = {}
	for word in line.text:gmatch "%S+" do
		words[#words + 1] = word
	end
	if #words == 0 then
		return ""
	end
	local c = commands[words[1]]
	if not c then
		return "Invalid command, type help for command list\n\n<CMD Error>\n"
	end
	local ok, value = pcall(c.f, line, table.unpack(words, 2))
	if not ok then
		return core.shown(value) .. "\n<CMD Error>\n"
	end
	return result_text(value) .. "<CMD OK>\n"
end

-- ---- HTTP ----

local function unescape(text)
	return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- The command of a request whose first line was read; nil: there is none. A browser says of which
-- page a request is that it sends to somebody else than that page's own server: no page that an
-- operator looks at shall run commands here.
local function http_command(fd, method, target)
	local size, stranger = 0, false
	for _ = 1, HEADERS_MAX do
		local line = socket.readline(fd)
		if not line then
			return nil
		end
		line = line:gsub("\r$", "")
		if line == "" then
			break
		end
		line = line:lower()
		size = tonumber(line:match "^content%-length%s*:%s*(%d+)%s*$") or size
		stranger = stranger or line:find "^origin%s*:" or line:find "^referer%s*:"
			or line:find "^sec%-fetch%-site%s*:%s*cross"
	end
	if stranger then
		return nil
	elseif method == "GET" then
		return unescape(target:gsub("/", " "))
	end
	return size > 0 and size <= LINE_MAX and socket.read(fd, size) or nil
end

-- ---- connections ----

-- Runs the command of a line, and comes back when it is done or takes the lines that follow over.
local function execute(line)
	local reader = coroutine.running()
	local function go_on()
		if reader then
			skynet.wakeup(reader)
			reader = nil
		end
	end
	function line.take_over(f)
		line.forward = f
		go_on()
	end
	function line.done()
		reader = coroutine.running()
		skynet.wait(reader)
	end
	skynet.fork(function()
		local text = run(line)
		line.forward = nil
		socket.write(line.fd, text)
		go_on()
	end)
	skynet.wait(reader)
end

local function serve(fd)
	local line = { fd = fd }
	socket.write(fd, "Welcome to skynet console\n")
	while true do
		local text = socket.readline(fd)
		local forward = line.forward
		if forward then
			forward(text and text:gsub("\r$", ""))
			if text and text:match "^%s*cont%s*$" and line.forward then
				line.done() -- what comes next is a command again
			end
		end
		if not text then
			return
		elseif not forward then
			local method, target = text:match "^(%u+) (%S*) HTTP/%d"
			if method == "GET" or method == "POST" then
				socket.write(fd, run { fd = fd, http = true,
					text = http_command(fd, method, target) or "" })
				return
			end
			line.text = text
			execute(line)
		end
	end
end

skynet.start(function()
	port = math.tointeger(tonumber(port)) or error "usage: debug_console [ip] port"
	local listener, address, real = socket.listen(ip, port)
	skynet.error(("Start debug console at %s:%d"):format(address, real))
	socket.start(listener, function(fd, peer)
		skynet.error(peer .. " connected")
		if socket.start(fd) then
			socket.limit(fd, LINE_MAX)
			local ok, why = pcall(serve, fd)
			if not ok then
				skynet.error(core.shown(why))
			end
		end
		skynet.error(peer .. " disconnect")
		socket.close(fd)
	end)
end)
