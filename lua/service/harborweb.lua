-- SPDX-License-Identifier: MIT
--
-- The node by HTTP, at the address web.listen of its configuration, which launches this service:
--
--   /healthz   200 while every worker comes round, 503 and the reason if one does not
--   /readyz    200 while the node is ready for work; 503 and the reason while it starts, drains or
--              stops
--   /metrics   all figures, as Prometheus reads them
--   /          a page for people (web/)
--   /api/...   what that page asks: the JSON that harborctl shows, of this node or of another
--
-- Whoever reaches the port may ask. So requests have no body and change nothing, what they cost is
-- bounded, and so are connections: with one too many the one that has been silent for longest ends.

local skynet = require "skynet"
local socket = require "skynet.socket"
local httpd = require "http.httpd"
local sockethelper = require "http.sockethelper"
local nodeview = require "skynet.nodeview"

local CONNECTIONS_MAX <const> = 64
local UNREAD_MAX <const> = 16384 -- bytes that may have come and wait to be read
local PATIENCE <const> = 3000 -- cs for a request, and between two
local FRESH <const> = 20 -- cs: figures are made anew when the last ones are older
local KEPT_MAX <const> = 64 -- answers of commands that are kept for as long
local COMMAND_PATIENCE <const> = 400 -- cs

local HEADER <const> = {
	["cache-control"] = "no-store",
	["x-content-type-options"] = "nosniff",
}

-- ---- what is answered: status, body, its type ----

local TEXT <const> = "text/plain; charset=utf-8"

local pages = {}

local function state_of(ask)
	return function()
		local good, why = ask()
		return good and 200 or 503, why .. "\n", TEXT
	end
end

pages["/healthz"] = state_of(nodeview.alive)
pages["/readyz"] = state_of(nodeview.ready)

local figures, made

pages["/metrics"] = function()
	if not figures or skynet.now() - made > FRESH then
		figures, made = nodeview.metrics(), skynet.now()
	end
	return 200, figures, "text/plain; version=0.0.4; charset=utf-8"
end

-- ---- the page ----

local FILES <const> = { ["/"] = "index.html", ["/harbor.js"] = "harbor.js",
	["/harbor.css"] = "harbor.css" }
local POLICY <const> = {
	["content-security-policy"] = "default-src 'none'; script-src 'self'; style-src 'self'; "
		.. "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
		.. "frame-ancestors 'none'",
}

-- Files are read when they are asked for first. Only these paths exist.
local function add_files()
	local folder = debug.getinfo(1, "S").source:match "^@(.*/)" .. "web/"
	for path, file in pairs(FILES) do
		local kind = "text/" .. file:match "%w+$":gsub("js", "javascript")
			.. "; charset=utf-8"
		local body
		pages[path] = function()
			if not body then
				local f <close>, why = io.open(folder .. file)
				if not f then
					return 404, why .. "\n", TEXT
				end
				body = f:read "a"
			end
			return 200, body, kind, POLICY
		end
	end
end

-- ---- commands: those that only look ----

local JSON <const> = "application/json"
local COMMANDS <const> = { status = 0, nodes = 0, names = 0, services = 0, calls = 0, groups = 0,
	top = 0, events = 0, why = 1 } -- how many arguments
-- What the node is asked where that is more than the command: a short look, so that no request
-- waits long, and what a page has room for.
local LINES <const> = { top = "top --limit 1 --interval 0.2", events = "events --last 50" }

skynet.register_protocol {
	name = "text",
	id = skynet.PTYPE_TEXT,
	pack = function(text) return text end,
	unpack = skynet.tostring,
}

local kept, kept_count = {}, 0

-- The answer of a node's .daemon: "+" and a JSON object, or "-" and one with the error.
local function ask(node, line)
	local key = node .. " " .. line
	local old = kept[key]
	if old and skynet.now() - old.at <= FRESH then
		return old.text
	end
	local to = node == skynet.harbor(skynet.self()) and ".daemon" or node << 24
	local ok, text = pcall(skynet.calltimeout, COMMAND_PATIENCE, to, "text", line)
	if not ok then
		return nil
	end
	if not old then
		if kept_count >= KEPT_MAX then
			kept, kept_count = {}, 0
		end
		kept_count = kept_count + 1
	end
	kept[key] = { text = text, at = skynet.now() }
	return text
end

local function fields(query)
	local found = {}
	for name, value in query:gmatch "(%a+)=([^&]*)" do
		found[name] = value:gsub("%%(%x%x)", function(hex)
			return string.char(tonumber(hex, 16))
		end)
	end
	return found
end

local function failed(status, why)
	return status, ('{"error":"%s"}'):format(why), JSON
end

-- An argument is an address and nothing else: what a word cannot hold is refused.
local function command(name, query)
	local given = fields(query)
	local node = given.node and math.tointeger(tonumber(given.node))
		or skynet.harbor(skynet.self())
	local argument = given.argument or ""
	if not COMMANDS[name] then
		return failed(404, "there is no such command")
	elseif node < 0 or node > 255 then
		return failed(400, "node: a harbor id")
	elseif (COMMANDS[name] == 1) ~= (argument:match "^[%w_.:@-]+$" ~= nil) then
		return failed(400, "argument: the address of a service")
	end
	local line = LINES[name] or COMMANDS[name] == 1 and name .. " " .. argument or name
	local text = ask(node, line)
	if not text then
		return failed(504, "the node does not answer")
	end
	return text:sub(1, 1) == "+" and 200 or 422, text:sub(2), JSON
end

-- ---- requests ----

local function header_of(kind, more)
	local header = { ["content-type"] = kind }
	for name, value in pairs(HEADER) do
		header[name] = value
	end
	for name, value in pairs(more or {}) do
		header[name] = value
	end
	return header
end

local function answer(method, url)
	local path, query = url:match "^([^?]*)%??(.*)$"
	local page, name = pages[path], path:match "^/api/(%l+)$"
	if method ~= "GET" and method ~= "HEAD" then
		return 405, "only GET and HEAD are answered\n", TEXT, { allow = "GET, HEAD" }
	elseif name then
		return command(name, query)
	elseif not page then
		return 404, "there is no such page\n", TEXT
	end
	return page()
end

local function respond(write, method, url)
	local status, body, kind, more = answer(method, url)
	local header = header_of(kind, more)
	if method == "HEAD" then
		header["content-length"] = #body
		body = nil
	end
	return httpd.write_response(write, status, body, header)
end

-- ---- connections ----

local count, clock = 0, 0
local waiting = {} -- id of a connection that waits for a request -> since when, by our clock

local function close_one()
	local oldest, least
	for id, since in pairs(waiting) do
		if not least or since < least then
			oldest, least = id, since
		end
	end
	if oldest then
		waiting[oldest] = nil
		socket.shutdown(oldest)
	end
	return oldest
end

local function ends(header)
	local field = header.connection
	return type(field) == "string" and field:lower() == "close"
end

local function begin_to_wait(id)
	clock = clock + 1
	waiting[id] = clock
end

local function requests(id)
	local read, write = sockethelper.readfunc(id), sockethelper.writefunc(id)
	while waiting[id] do
		local code, url, method, header = httpd.read_request(read, 0)
		if not waiting[id] then
			return -- closed to make room
		end
		waiting[id] = nil
		if code ~= 200 then
			return code and httpd.write_response(write, code, "",
				header_of(TEXT, { connection = "close" }))
		elseif not respond(write, method, url) or ends(header) then
			return
		end
		begin_to_wait(id)
	end
end

local function serve(id, address)
	if count >= CONNECTIONS_MAX and not close_one() then
		return socket.close_fd(id)
	end
	count = count + 1
	begin_to_wait(id) -- it may be closed to make room before it has begun
	if socket.start(id) then
		socket.limit(id, UNREAD_MAX)
		local ok, why = pcall(requests, id)
		if not ok then
			skynet.error(address, why)
		end
		socket.close(id)
	end
	waiting[id] = nil
	count = count - 1
end

add_files()

-- ---- the address ----

local RETRY_MAX <const> = 1600 -- cs between two attempts to listen; the first come sooner

local function begin(id, at, port)
	local address = ("%s:%d"):format(at:find ":" and "[" .. at .. "]" or at, port)
	nodeview.always(id)
	nodeview.page(address)
	socket.start(id, serve)
	skynet.error("answers HTTP at " .. address)
end

-- A port that somebody else has (another node of this host with the same file, often) is no reason
-- for the node to end: it goes on without a page until the port is free.
local function listen(address, wait, told)
	local host, port = address:match "^%[?(.-)%]?:(%d+)$"
	local ok, id, at, at_port = pcall(socket.listen, host, tonumber(port))
	if ok then
		return begin(id, at, at_port)
	end
	local why = tostring(id)
	why = "web.listen: " .. (why:match "%(listen (.*)%)$" or why)
	if why ~= told then
		nodeview.page(nil, why)
		skynet.log("warning", why .. "; the node goes on without its page, and tries again")
	end
	skynet.timeout(wait, function()
		listen(address, math.min(2 * wait, RETRY_MAX), why)
	end)
end

skynet.start(function()
	httpd.timeout = PATIENCE
	listen(skynet.getenv "web_listen", 50)
end)
