-- SPDX-License-Identifier: MIT
-- skynet.db.redis: a client of a Redis server (RESP2), over one channel.
--
-- Requests are written at once, by whatever task, and answered in their order. The bytes of a
-- connection that nobody has taken yet are in a decoder, which is a field of the channel's `sock`:
-- it comes and goes with the connection.
local socket = require "skynet.socket"
local socketchannel = require "skynet.socketchannel"
local core = require "skynet.db.redis.core"

local socket_error <const> = socketchannel.error
local read, command, next_reply, feed = socket.read, core.command, core.next, core.feed

local LARGE <const> = 64 * 1024 -- bytes that are waited for together
local NAMES <const> = 1024 -- commands whose function is kept

local redis = {}

-- ---- replies ----

-- An error that is the whole reply, on its way from the task that reads to the one that asked.
local failure = {}

-- Waits for more of a reply.
local function more(sock, decoder, need)
	if sock.some then -- TLS
		return feed(decoder, sock:some())
	end
	feed(decoder, read(sock[1], need > LARGE and need or nil) or error(socket_error))
end

-- The response functions for a client that takes replies of at most so many bytes: for one reply,
-- and for n of them.
local function readers(maxreply)
	local function decoder(sock)
		local d = sock.decoder or core.decoder(maxreply)
		sock.decoder = d
		return d
	end
	local function one(sock)
		local d = decoder(sock)
		local ok, reply = next_reply(d)
		while ok == nil do
			more(sock, d, reply)
			ok, reply = next_reply(d)
		end
		if not ok and type(reply) == "string" then
			return true, setmetatable({ reply }, failure)
		end
		return ok, reply
	end
	local function many(n)
		return function(sock)
			local d, list = decoder(sock), {}
			local ok, need = core.collect(d, list, n)
			while not ok do
				more(sock, d, need)
				ok, need = core.collect(d, list, n)
			end
			return true, list
		end
	end
	return one, many
end

-- Raises what the server said: a text with the line of the program that asked in front, which is
-- that many functions above, or ours if that is none of Lua.
local function fail(why, level)
	local info = debug.getinfo(level + 1, "l")
	error(why, info and info.currentline > 0 and level + 1 or 2)
end

local function result(reply)
	if type(reply) == "table" and getmetatable(reply) == failure then
		fail(reply[1], 3)
	end
	return reply
end

-- ---- connecting ----

local function head(name)
	name = name:upper()
	return ("$%d\r\n%s\r\n"):format(#name, name)
end

local AUTH <const>, SELECT <const>, READONLY <const> = head "auth", head "select", head "readonly"

-- What a new connection begins with, as the channel's `auth`, or nil.
local function greeting(conf, one, then_)
	if not (conf.auth or conf.db or conf.readonly or conf.ssl or then_) then
		return nil
	end
	local cs = conf.timeout
	local tls = conf.ssl and require "skynet.db.tls"
	local options = tls and tls.options("redis", conf.ssl, conf.host)
	return function(channel)
		if tls then
			tls.start(channel, options)
		end
		local function ask(...)
			local reply = channel:request(command(...), one, nil, cs)
			if type(reply) == "table" then
				error(reply[1], 0)
			end
		end
		if conf.auth and conf.username then
			ask(AUTH, conf.username, conf.auth)
		elseif conf.auth then
			ask(AUTH, conf.auth)
		end
		if conf.db then
			ask(SELECT, conf.db)
		end
		if conf.readonly then
			ask(READONLY)
		end
		if then_ then
			then_(channel)
		end
	end
end

local function check(conf)
	if type(conf) ~= "table" then
		local text = "bad argument #1 (a table with the server's host expected, got %s)"
		error(text:format(type(conf)), 3)
	end
	for _, name in ipairs { "timeout", "maxreply" } do
		local v = conf[name]
		if v ~= nil and not (type(v) == "number" and v > 0) then
			local text = "redis: %s must be a number above 0, it is %s"
			error(text:format(name, tostring(v)), 3)
		end
	end
	if conf.host == nil then
		error("redis: there is no host", 3)
	end
end

local function open(conf, one, then_)
	local channel = socketchannel.channel {
		host = conf.host,
		port = conf.port or 6379,
		login = true,
		auth = greeting(conf, one, then_),
		nodelay = true,
		gather = true,
		overload = conf.overload,
	}
	channel:connect(true)
	return channel
end

-- ---- commands ----

local client = {}
local made = 0

-- db:name(...)
local function caller(name)
	local h = head(name)
	return function(self, ...)
		return (result(self[1]:request(command(h, ...), self[2], nil, self[3])))
	end
end

-- Commands are methods by their name; the function of each is kept for all clients.
local meta = {
	__index = function(_, name)
		local f = client[name]
		if not f then
			if type(name) ~= "string" then
				return nil
			end
			f = caller(name)
			if made < NAMES then
				made = made + 1
				client[name] = f
			end
		end
		return f
	end,
}

local function truth(name)
	local h = head(name)
	return function(self, ...)
		return result(self[1]:request(command(h, ...), self[2], nil, self[3])) ~= 0
	end
end

client.exists = truth "exists"
client.sismember = truth "sismember"

-- Ours: one command with a time of its own. cs: centiseconds; name: the command.
function client:within(cs, name, ...)
	if not (type(cs) == "number" and cs > 0) then
		local text = "redis: within needs a number of centiseconds above 0, got %s"
		error(text:format(tostring(cs)), 2)
	end
	return (result(self[1]:request(command(head(name), ...), self[2], nil, cs)))
end

function client:pipeline(ops, resp)
	local ok, bytes, n = pcall(core.commands, ops)
	if not ok then
		error(bytes, 2)
	elseif n == 0 then
		error("pipeline is null", 2)
	end
	local list = self[1]:request(bytes, self[4](n), nil, self[3])
	if resp then
		return table.move(list, 1, n, #resp + 1, resp)
	end
	local last = list[n]
	if not last.ok then
		fail(last.out, 2)
	end
	return last.out
end

function client:disconnect()
	self[1]:close()
	setmetatable(self, nil)
end

-- connect { host =, port =, auth =, username =, db =, overload =, timeout =, maxreply =, ssl =,
-- readonly = }; the last four are ours.
function redis.connect(conf)
	check(conf)
	local one, many = readers(conf.maxreply)
	return setmetatable({ open(conf, one), one, conf.timeout, many }, meta)
end

-- ---- subscriptions ----

local watch = {}
local watch_meta = { __index = watch }

function watch_meta:__gc()
	if self.channel then
		self.channel:close()
	end
end

local function names(set)
	local list = {}
	for name in pairs(set) do
		list[#list + 1] = name
	end
	return list
end

-- The two methods for channels, or for patterns. What was asked for is noted in self[field], and
-- asked for again whenever the connection is a new one.
local function methods(field, prefix)
	local add, remove = head(prefix .. "subscribe"), head(prefix .. "unsubscribe")
	watch[prefix .. "subscribe"] = function(self, ...)
		self.channel:request(command(add, ...))
		for _, what in ipairs { ... } do
			self[field][tostring(what)] = true
		end
	end
	watch[prefix .. "unsubscribe"] = function(self, ...)
		local known = self[field]
		for _, what in ipairs(select("#", ...) > 0 and { ... } or names(known)) do
			known[tostring(what)] = nil
		end
		self.channel:request(command(remove, ...))
	end
end

methods("channels", "")
methods("patterns", "p")

-- The next message: its data and channel, and the pattern that asked for it. The confirmations of
-- the server are no messages. A connection that is lost is made anew, with all subscriptions.
function watch:message()
	local channel, one = self.channel, self.one
	while true do
		local ok, reply = pcall(channel.response, channel, one)
		if not ok and (reply ~= socket_error or getmetatable(self) ~= watch_meta) then
			error(reply, 0)
		elseif ok and getmetatable(reply) == failure then
			fail(reply[1], 2)
		elseif ok and reply[1] == "message" then
			return reply[3], reply[2]
		elseif ok and reply[1] == "pmessage" then
			return reply[4], reply[3], reply[2]
		end
	end
end

function watch:disconnect()
	setmetatable(self, nil)
	self.channel:close()
end

-- watch { as for connect } -> a subscriber
function redis.watch(conf)
	check(conf)
	local one = readers(conf.maxreply)
	local self = { one = one, channels = {}, patterns = {} }
	local channels, patterns = self.channels, self.patterns
	self.channel = open(conf, one, function(channel)
		if next(channels) then
			channel:request(command(head "subscribe", names(channels)))
		end
		if next(patterns) then
			channel:request(command(head "psubscribe", names(patterns)))
		end
	end)
	return setmetatable(self, watch_meta)
end

return redis
