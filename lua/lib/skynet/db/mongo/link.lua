-- SPDX-License-Identifier: MIT
-- skynet.db.mongo.link: the connection of a client of MongoDB.
--
-- Each message has a number, its answer names it, so many tasks share one connection. After each
-- connect it logs in and asks who the primary is; when that is another, the channel goes there.
-- What a server may send is limited: an answer has at most `answer_max` bytes, there is one for a
-- request, and anything else ends the connection.
local skynet = require "skynet"
local bson = require "bson"
local driver = require "skynet.mongo.driver"
local socketchannel = require "skynet.socketchannel"
local login = require "skynet.db.mongo.login"

local encode_order, op_msg = bson.encode_order, driver.op_msg
local socket_error <const> = socketchannel.error

local M = {}

local PORT <const> = 27017
local ANSWER_MAX <const> = 64 * 1024 * 1024
local ANSWER_MIN <const> = 22 -- bytes of an answer behind its size
local MESSAGE_MAX <const> = 48000000 -- until the server says what it takes
local DOCUMENT_MAX <const> = 16 * 1024 * 1024 -- bytes of a document that every server takes
local MORE_TO_COME <const> = 2 -- the flag of a message that nobody answers
local HOPS_MAX <const> = 4 -- servers, each of which says that the next is primary
local TRIES_MAX <const> = 100 -- servers that are tried before nobody is asked for more of them
local MEMBERS_MAX <const> = 50 -- of a replica set, as MongoDB has it

-- What a server says that is no primary any more, or goes down.
local moved = {
	[91] = true, [189] = true, [10058] = true, [10107] = true, [11600] = true, [11602] = true,
	[13435] = true, [13436] = true,
}

local function refuse(fmt, ...)
	error("mongo: " .. fmt:format(...), 0)
end

-- ---- messages ----

-- The next answer. `seen` is what the channel's task may hold: not the link.
local function read_answer(seen, sock)
	local size = driver.length(sock:read(4))
	if size < ANSWER_MIN then
		refuse("the server sent a message of %d bytes", size + 4)
	elseif size > seen.answer_max then
		refuse("an answer of %d bytes is larger than %d (answer_max)", size,
			seen.answer_max)
	end
	local message = sock:read(size)
	local _, id, document = driver.reply(message)
	local reply = bson.decode(document) -- within the message, which lives until here
	seen.got = seen.got + 1
	if seen.got > seen.sent then
		seen.got = seen.sent
		refuse("the server sent more answers than it was asked for")
	end
	seen.heard = skynet.now()
	return id, true, reply
end

-- The number of the next message.
local function next_id(link)
	local id = link.id % 0x7fffffff + 1
	link.id = id
	return id
end

local function message_of(link, flags, document)
	local id = next_id(link)
	local message = op_msg(id, flags, document)
	if #message > link.message_max then
		refuse("a request of %d bytes is larger than the server takes, %d", #message,
			link.message_max)
	end
	return message, id
end

-- A server that has been silent since the request was sent has lost its way: the next request makes
-- a new connection.
local function on_error(link, since)
	local seen = link.seen
	if link.timeout and seen.heard <= since and skynet.now() - since >= link.timeout then
		link.channel:reset()
	end
end

-- Sends a document, returns the answer.
local function request(link, channel, document)
	local message, id = message_of(link, 0, document)
	local seen, since = link.seen, skynet.now()
	seen.sent = seen.sent + 1
	local ok, r = pcall(channel.request, channel, message, id, nil, link.timeout)
	if not ok then
		on_error(link, since)
		error(r, 0)
	elseif r.ok ~= 1 and moved[r.code] then
		link.channel:reset()
	end
	return r
end

-- ---- the life of a connection ----

-- Whether it is the name of a host, with a port or without.
local function is_address(v)
	return type(v) == "string" and v:find "^[%w%-_.:%[%]]+$"
end

local function split_address(text)
	local host, port = text:match "^%[(.+)%]:(%d+)$"
	if not host then
		host, port = text:match "^([^:]+):(%d+)$"
	end
	return host or text, math.tointeger(port) or PORT
end

-- Those that the server names become the channel's other addresses, behind ours.
local function learn_members(link, channel, hosts)
	local list = table.move(link.seeds, 1, #link.seeds, 1, {})
	for i = 1, type(hosts) == "table" and math.min(#hosts, MEMBERS_MAX) or 0 do
		if is_address(hosts[i]) then
			local host, port = split_address(hosts[i])
			list[#list + 1] = { host = host, port = port }
		end
	end
	channel:changebackup(list)
end

local function find_primary(link, channel, ask)
	local r = ask("admin", "ismaster", 1)
	if r.ok ~= 1 then
		refuse("ismaster: %s", tostring(r.errmsg))
	end
	-- Less than one document is a lie, with which no request would go out any more.
	local max = r.maxMessageSizeBytes
	local good = math.type(max) == "integer" and max >= DOCUMENT_MAX
	link.message_max = good and max or MESSAGE_MAX
	link.tries = link.tries + 1
	local many = link.tries > TRIES_MAX
	if many then
		link.tries = 0
	end
	learn_members(link, channel, not many and r.hosts or nil)
	if r.ismaster == true or r.isWritablePrimary == true then
		link.hops, link.tries = 0, 0
		return
	end
	link.hops = link.hops + 1
	if not is_address(r.primary) or link.hops > HOPS_MAX or many then
		link.hops = 0
		refuse("this server is no primary, and knows none that is")
	end
	channel:changehost(split_address(r.primary))
end

local function on_connect(link, channel)
	if link.ssl then
		require "skynet.db.tls".start(channel, link.ssl)
	end
	local function ask(db, command, value, ...)
		return request(link, channel, encode_order(command, value, "$db", db, ...))
	end
	for _, l in ipairs(link.logins) do
		login.run(link.authmod, ask, l.db, l.user, l.password, l.cache)
	end
	find_primary(link, channel, ask)
end

local function remember_login(link, db, user, password)
	for i, l in ipairs(link.logins) do
		if l.db == db then
			table.remove(link.logins, i)
			break
		end
	end
	table.insert(link.logins, { db = db, user = user, password = password, cache = {} })
end

-- ---- commands ----

-- A command that is answered.
local function run(link, db, command, value, ...)
	if value == nil then
		value = 1
	end
	local session = link.session -- of skynet.db.mongo.transaction
	if session then
		return request(link, link.channel,
			encode_order(command, value, "$db", db, session.extend(...)))
	end
	return request(link, link.channel, encode_order(command, value, "$db", db, ...))
end

local function send(link, document)
	local message = message_of(link, MORE_TO_COME, document)
	link.channel:request(message)
	return { ok = 1 }
end

-- A command that nobody answers. Within a transaction it is answered: it could fail.
local function post(link, db, command, value, ...)
	if value == nil then
		value = 1
	end
	if link.session and link.session.active() then
		return run(link, db, command, value, ...)
	end
	local t = table.pack(...)
	t[t.n + 1], t[t.n + 2] = "writeConcern", { w = 0 }
	return send(link, encode_order(command, value, "$db", db, table.unpack(t, 1, t.n + 2)))
end

-- What an answer to a write says: true; or false and why. And the answer.
local function outcome(r)
	local why
	if r.writeErrors then
		why = r.writeErrors[1] and r.writeErrors[1].errmsg or "mongo: writeErrors"
	elseif r.writeConcernError then
		why = r.writeConcernError.errmsg or "mongo: writeConcernError"
	elseif r.ok ~= 1 or r.errmsg then
		why = r.errmsg or "mongo: the server refuses it"
	end
	return why == nil, why, r
end

-- ---- a link ----

local function text_option(conf, key)
	local v = conf[key]
	if v ~= nil and type(v) ~= "string" then
		error(("mongo.client: %s is to be a text, not %s"):format(key, type(v)), 5)
	end
	return v
end

local function new_link(conf)
	if type(conf) ~= "table" then
		error(("mongo.client: a table with the server's host expected, got %s"):format(
			type(conf)), 4)
	end
	local first = conf.rs and conf.rs[1] or conf
	local host = text_option(first, "host")
	if not host then
		error("mongo.client needs a host, or rs with the hosts of a replica set", 4)
	end
	local authmod = first.authmod or conf.authmod or "scram_sha1"
	if not login.has(authmod) then
		error(("mongo.client: unknown authmod '%s'; there are scram_sha1, scram_sha256 and "
			.. "mongodb_cr"):format(tostring(authmod)), 4)
	end
	local link = {
		id = 0, hops = 0, tries = 0,
		timeout = conf.timeout,
		message_max = MESSAGE_MAX,
		authmod = authmod,
		logins = {},
		seeds = {},
		seen = { sent = 0, got = 0, heard = 0, answer_max = conf.answer_max or ANSWER_MAX },
	}
	if conf.ssl then
		link.ssl = require "skynet.db.tls".options("mongo.client", conf.ssl, host)
	end
	for i, m in ipairs(conf.rs or { conf }) do
		link.seeds[i] = { host = m.host, port = m.port or PORT }
	end
	local user = text_option(first, "username") or text_option(conf, "username")
	if user then
		local password = text_option(first, "password") or text_option(conf, "password")
		remember_login(link, first.authdb or conf.authdb or "admin", user, password or "")
	end
	return link
end

-- A link, connected and logged in. Raises the channel's error object, the log says why.
function M.new(conf)
	local link = new_link(conf)
	local seen = link.seen
	-- the channel's task must not keep alive who holds the channel
	local weak = setmetatable({ link }, { __mode = "v" })
	link.channel = socketchannel.channel {
		host = link.seeds[1].host,
		port = link.seeds[1].port,
		backup = link.seeds,
		nodelay = true,
		overload = conf.overload,
		response = function(sock)
			return read_answer(seen, sock)
		end,
		login = true,
		auth = function(channel)
			on_connect(weak[1] or error(socket_error), channel)
		end,
	}
	link.channel:connect(true)
	return link
end

M.next_id, M.run, M.post, M.send, M.outcome = next_id, run, post, send, outcome

-- Logs another user in, for as long as there is the link. Returns true; or false and the server's
-- no.
function M.log_in(link, db, user, password)
	local function ask(name, command, value, ...)
		return run(link, name, command, value, ...)
	end
	local ok, why = pcall(login.run, link.authmod, ask, db, user, password, {})
	if ok then
		remember_login(link, db, user, password)
		return true
	elseif type(why) == "string" and why:find "^mongo: login of" then
		return false, why
	end
	error(why, 0)
end

return M
