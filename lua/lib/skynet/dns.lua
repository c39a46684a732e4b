-- SPDX-License-Identifier: MIT
--
-- skynet.dns: names to addresses, without blocking anybody.
--
-- A question is a look-up of skynet.dns.core, which asks the servers, tries again, and checks and
-- reads answers, but has no sockets: those it wants are opened here, each question has its own. A
-- task of its own serves it; whoever asks for the same meanwhile waits for the same answer.

local skynet = require "skynet"
local socket = require "skynet.socket"
local core = require "skynet.dns.core"

local FIRST_TRY <const> = 1000 -- ms: the first try of a server; each round takes twice as long
local TRIES <const> = 5
local ASKED_MAX <const> = 256 -- questions at a time; more wait
local CACHE_MAX <const> = 4096
local TTL_MAX <const> = 86400
local HOSTS_MAX <const> = 4 << 20 -- bytes of the file

local dns = {
	DEFAULT_HOSTS = "/etc/hosts",
	DEFAULT_RESOLV_CONF = "/etc/resolv.conf",
	timeout = 3000, -- ours; cs: no answer in that time is none
}

local servers       -- as lookup takes them, once known
local hosts         -- key -> array, once read
local cache = {}    -- key -> { list, until, in seconds of this node }
local cached = 0
local asked = {}    -- key -> a question under way
local count = 0     -- of these
local waiting = {}  -- who waits to ask, oldest first
local first_waiting, last_waiting = 1, 0

-- An address of a family: 4 and 6 are names of their own.
local function key_of(name, ipv6)
	return (ipv6 and "6" or "4") .. name
end

-- ---- files ----

-- The lines of a file without what is a remark, or nothing when there is none.
local function lines_of(path)
	local f <close> = path and io.open(path)
	local text = f and f:read(HOSTS_MAX) or ""
	return text:gsub("#[^\n]*", ""):gmatch "[^\n]+"
end

local function read_hosts()
	local list = {}
	for line in lines_of(dns.DEFAULT_HOSTS) do
		local ip, names = line:match "^%s*(%S+)(.*)$"
		for name in (names or ""):gmatch "%S+" do
			local key = key_of(name:lower(), ip:find(":", 1, true))
			list[key] = list[key] or {}
			table.insert(list[key], ip)
		end
	end
	return list
end

local function with_port(ip, port)
	return (ip:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(ip, port)
end

local function read_servers()
	local list = {}
	for line in lines_of(dns.DEFAULT_RESOLV_CONF) do
		local ip = line:match "^%s*nameserver%s+([%x.:]+)%s*$"
		if ip then
			list[#list + 1] = with_port(ip, 53)
		end
	end
	return #list > 0 and table.concat(list, ",", 1, math.min(#list, 3)) or nil
end

-- ---- the cache ----

local function now()
	return skynet.now() // 100
end

local function make_room()
	local t = now()
	for key, entry in pairs(cache) do
		if entry[2] <= t then
			cache[key] = nil
			cached = cached - 1
		end
	end
	if cached >= CACHE_MAX then
		cache, cached = {}, 0
	end
end

local function remember(key, list, ttl)
	if not cache[key] then
		if cached >= CACHE_MAX then
			make_room()
		end
		cached = cached + 1
	end
	cache[key] = { list, now() + math.min(ttl, TTL_MAX) }
end

-- ---- a question ----

-- The sockets that a look-up wants. wake(): something came.
local function open_udp(q, number, ip, port)
	local s = {}
	local function received(data, from)
		if not s.closed then -- it may have been on its way
			q.lookup:received(number, data, from)
			q.wake()
		end
	end
	local ok, id = pcall(socket.udp_dial, ip, port, received)
	if ok then
		s.id = id
		q.sockets[number] = s
	else
		q.lookup:broken(number)
	end
end

local function serve_tcp(q, number, s, ip, port)
	s.id = socket.open(ip, port)
	if s.id and not s.closed then
		for i = 1, #s.unsent do
			socket.write(s.id, s.unsent[i])
		end
		s.unsent = nil
		local data = socket.read(s.id)
		while data and not s.closed do
			q.lookup:received(number, data)
			q.wake()
			data = socket.read(s.id)
		end
	end
	if not s.closed then
		q.lookup:broken(number)
		q.wake()
	elseif s.id then
		socket.close(s.id)
	end
end

local function open_tcp(q, number, ip, port)
	local s = { unsent = {} }
	q.sockets[number] = s
	skynet.fork(serve_tcp, q, number, s, ip, port)
end

local function send(q, number, data)
	local s = q.sockets[number]
	if s and s.unsent then
		s.unsent[#s.unsent + 1] = data
	elseif s then
		socket.write(s.id, data)
	end
end

local function close(q, number)
	local s = q.sockets[number]
	q.sockets[number] = nil
	if s then
		s.closed = true
		if s.id then
			skynet.fork(socket.close, s.id)
		end
	end
end

local acts = { udp = open_udp, tcp = open_tcp, send = send, close = close }

local function act(q)
	local what, number, a, b = q.lookup:action()
	while what do
		acts[what](q, number, a, b)
		what, number, a, b = q.lookup:action()
	end
end

-- Serves the look-up until it is finished, or for dns.timeout.
local function serve(q)
	local token, sleeps, news = {}, false, false
	function q.wake()
		news = true
		if sleeps then
			sleeps = false
			skynet.wakeup(token)
		end
	end
	local deadline = skynet.now() + dns.timeout
	while true do
		news = false
		local ms = q.lookup:process()
		act(q)
		local left = deadline - skynet.now()
		if not ms or left <= 0 then
			return
		end
		if not news then
			sleeps = true
			skynet.sleep(math.min((ms + 9) // 10, left), token)
			sleeps = false
		end
	end
end

-- The list and how long it holds; or nil, why, and whether the name is none.
local function ask(name, ipv6)
	local whom = servers
	local lookup, why = core.lookup(whom, name, ipv6, FIRST_TRY, TRIES)
	if not lookup then
		return nil, why
	end
	local q = { lookup = lookup, sockets = {} }
	local ok, err = pcall(serve, q)
	for number in pairs(q.sockets) do
		close(q, number)
	end
	local list, ttl, bad = lookup:answer(ipv6)
	lookup:close() -- its memory is not the collector's
	if not ok then
		return nil, err
	end
	if not list and not ttl then
		ttl = ("no answer from %s within %.2f s"):format(whom, dns.timeout / 100)
	end
	return list, ttl, bad
end

-- ---- asking once for all ----

local function enter()
	if count >= ASKED_MAX then
		last_waiting = last_waiting + 1
		local token = {}
		waiting[last_waiting] = token
		skynet.wait(token)
	else
		count = count + 1
	end
end

local function leave()
	local token = waiting[first_waiting]
	if token then
		waiting[first_waiting] = nil
		first_waiting = first_waiting + 1
		skynet.wakeup(token) -- our place is his
	else
		count = count - 1
	end
end

local function run(question, key, name, ipv6)
	enter()
	local ok, list, ttl, bad = pcall(ask, name, ipv6)
	leave()
	asked[key] = nil
	if ok and list then
		question.list = list
		if ttl > 0 then
			remember(key, list, ttl)
		end
	else
		question.why, question.bad = ok and ttl or list, bad
	end
	for i = 1, #question do
		skynet.wakeup(question[i])
	end
end

local function answer_of(key, name, ipv6)
	local question = asked[key]
	if not question then
		question = {}
		asked[key] = question
		skynet.fork(run, question, key, name, ipv6)
	end
	local token = {}
	question[#question + 1] = token
	skynet.wait(token)
	return question
end

-- ---- for programs ----

-- The first address and a list that is the caller's.
local function found(list)
	return list[1], table.move(list, 1, #list, 1, {})
end

local function is_legal(name)
	if #name > 1024 or name:find "[^_a-z0-9%-.]" then
		return false
	end
	for label in name:gmatch "[^.]+" do
		if #label > 63 then
			return false
		end
	end
	return true
end

local function check_server(ip, port)
	if type(ip) ~= "string" or not (ip:find(":", 1, true) or ip:find "^[%d.]+$") then
		error(("bad argument #1 to 'server' (the address of a server expected, got %s)")
			:format(type(ip) == "string" and ip or type(ip)), 3)
	end
	return with_port(ip, port or 53)
end

function dns.server(ip, port)
	if type(ip) == "table" then
		local list = {}
		for i, server in ipairs(ip) do
			list[i] = check_server(server[1], server[2])
		end
		if #list == 0 then
			error("bad argument #1 to 'server' (no servers)", 2)
		end
		servers = table.concat(list, ",")
	else
		servers = ip and check_server(ip, port) or read_servers()
	end
end

function dns.resolve(name, ipv6)
	if type(name) ~= "string" then
		error(("bad argument #1 to 'resolve' (a name expected, got %s)")
			:format(type(name)), 2)
	end
	name = name:lower()
	if name:find(":", 1, true) or name:find "^[%d.]+$" then
		return name
	end
	if not is_legal(name) then
		return nil, "illegal name"
	end
	ipv6 = ipv6 and true or false
	local key = key_of(name, ipv6)
	hosts = hosts or read_hosts()
	local list = hosts[key]
	if list then
		return found(list)
	end
	local entry = cache[key]
	if entry and entry[2] > now() then
		return found(entry[1])
	end
	servers = servers or read_servers()
	if not servers then
		error("Call dns.server first", 2)
	end
	skynet.checkwait()
	local question = answer_of(key, name, ipv6)
	list = question.list or entry and entry[1]
	if list then
		return found(list)
	elseif question.bad then
		return nil, "illegal name"
	end
	error(("timeout or no answer (%s: %s)"):format(name, question.why), 2)
end

function dns.flush()
	cache, cached = {}, 0
end

return dns
