-- SPDX-License-Identifier: MIT
--
-- The node by HTTP, at the address web.listen of its configuration, which launches this service:
--
--   /healthz   200 while every worker comes round, 503 and the reason if one does not
--   /readyz    200 while the node is ready for work; 503 and the reason while it starts, drains or
--              stops
--   /metrics   all figures, as Prometheus reads them
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
	local page = pages[url:match "^[^?]*"]
	if method ~= "GET" and method ~= "HEAD" then
		return 405, "only GET and HEAD are answered\n", TEXT, { allow = "GET, HEAD" }
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

local function requests(id)
	local read, write = sockethelper.readfunc(id), sockethelper.writefunc(id)
	while true do
		clock = clock + 1
		waiting[id] = clock
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
	end
end

local function serve(id, address)
	if count >= CONNECTIONS_MAX and not close_one() then
		return socket.close_fd(id)
	end
	count = count + 1
	if socket.start(id) then
		socket.limit(id, UNREAD_MAX)
		local ok, why = pcall(requests, id)
		if not ok then
			skynet.error(address, why)
		end
		waiting[id] = nil
		socket.close(id)
	end
	count = count - 1
end

skynet.start(function()
	local address = skynet.getenv "web_listen"
	local host, port = address:match "^%[?(.-)%]?:(%d+)$"
	httpd.timeout = PATIENCE
	local ok, id, at, at_port = pcall(socket.listen, host, tonumber(port))
	if not ok then
		error(("web.listen: %s: %s"):format(address, id), 0)
	end
	nodeview.always(id)
	socket.start(id, serve)
	skynet.error(("answers HTTP at %s:%d"):format(at:find ":" and "[" .. at .. "]" or at,
		at_port))
end)
