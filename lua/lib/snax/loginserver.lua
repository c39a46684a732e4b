-- SPDX-License-Identifier: MIT
-- snax.loginserver: finds out who a client is and agrees upon a secret with him. The service that
-- is started first is the master: it listens and knows who is coming in. It starts slaves of the
-- same script, which own the sockets and talk with the clients.
local skynet = require "skynet"
require "skynet.manager"
local socket = require "skynet.socket"
local crypt = require "skynet.crypt"

local AHEAD_MAX <const> = 8192   -- bytes that a client may send ahead
local TALK_MAX <const> = 3000    -- centiseconds that a handshake may take

-- ---- slaves ----

-- Raised: the client has gone; he did something wrong, which is answered.
local GONE <const>, WRONG <const> = "the client has gone", "the client was refused"

local function read_line(fd)
	return socket.readline(fd) or error(GONE, 0)
end

local function write_line(fd, text)
	if not socket.write(fd, text .. "\n") then
		error(GONE, 0)
	end
end

local function check(ok, ...)
	if not ok then
		error(WRONG, 0)
	end
	return ...
end

local function read_bytes(fd)
	return check(pcall(crypt.base64decode, read_line(fd)))
end

-- Returns the secret and the token; raises GONE or WRONG.
local function handshake(fd)
	local challenge = crypt.randomkey()
	write_line(fd, crypt.base64encode(challenge))
	local public = read_bytes(fd)
	check(#public == 8)
	local private = crypt.randomkey()
	local secret = check(pcall(crypt.dhsecret, public, private))
	write_line(fd, crypt.base64encode(crypt.dhexchange(private)))
	local proof = read_bytes(fd)
	check(crypt.equal(proof, crypt.hmac64(challenge, secret)))
	return secret, check(pcall(crypt.desdecode, secret, read_bytes(fd)))
end

-- A client who is silent must not keep a socket.
local function timed_handshake(fd)
	local timer = skynet.timer(TALK_MAX, function()
		socket.shutdown(fd)
	end)
	local ok, secret, token = pcall(handshake, fd)
	timer:cancel()
	return ok, secret, token
end

local talk = {}

-- Returns true, server, uid and secret; or false and why; nothing if the client has gone.
function talk.BEGIN(conf, fd)
	if not socket.start(fd) then
		return
	end
	socket.limit(fd, AHEAD_MAX)
	local ok, secret, token = timed_handshake(fd)
	if not ok then
		if secret == GONE then
			socket.close(fd)
			return
		end
		return false, secret
	end
	local known, server, uid = pcall(conf.auth_handler, token)
	if not known then
		return false, tostring(server)
	end
	return true, server, uid, secret
end

function talk.END(_, fd, line)
	socket.write(fd, line .. "\n")
	socket.close(fd)
end

local function be_slave(conf)
	skynet.dispatch("lua", function(_, _, what, ...)
		skynet.retpack(talk[what](conf, ...))
	end)
end

-- ---- the master ----

local coming_in = {}   -- uid -> true while he is being logged in; only without multilogin

-- What a client with this identity is told.
local function log_in(conf, server, uid, secret)
	if not conf.multilogin then
		if coming_in[uid] then
			return "406 Not Acceptable"
		end
		coming_in[uid] = true
	end
	local ok, subid = pcall(conf.login_handler, server, uid, secret)
	if not conf.multilogin then
		coming_in[uid] = nil
	end
	if not ok then
		skynet.error(("login: user %s: %s"):format(uid, subid))
		return "403 Forbidden"
	end
	return "200 " .. crypt.base64encode(tostring(subid or ""))
end

local function serve(conf, slave, fd, address)
	local known, server, uid, secret = skynet.call(slave, "lua", "BEGIN", fd)
	local answer
	if known then
		if uid == nil then
			skynet.error "login: auth_handler returned no uid"
			answer = "401 Unauthorized"
		else
			answer = log_in(conf, server, uid, secret)
		end
	elseif known == false then
		skynet.error(("login: %s: %s"):format(address, server))
		answer = "401 Unauthorized"
	else
		return
	end
	skynet.call(slave, "lua", "END", fd, answer)
end

local function start_slaves(count)
	local slaves = {}
	for i = 1, count do
		slaves[i] = skynet.newservice(SERVICE_NAME)
			or error("a slave of the login server exited while it started")
	end
	return slaves
end

local function be_master(conf, name)
	skynet.dispatch("lua", function(_, _, ...)
		skynet.retpack(conf.command_handler(...))
	end)
	skynet.register(name)
	local slaves, turn = start_slaves(conf.instance or 8), 0
	local listener, _, port = socket.listen(conf.host or "0.0.0.0", conf.port)
	conf.port = port
	skynet.error(("login server listens on %s:%d"):format(conf.host or "0.0.0.0", port))
	socket.start(listener, function(fd, address)
		turn = turn % #slaves + 1
		local ok, why = pcall(serve, conf, slaves[turn], fd, address)
		if not ok then
			skynet.error(("login: %s: %s"):format(address, why))
			socket.close_fd(fd)
		end
	end)
end

-- login(conf): makes the service whose script calls it a login server. conf: port,
-- auth_handler(token) -> server, uid (in slaves), login_handler(server, uid, secret) -> subid,
-- command_handler(...) for messages of type "lua" (both in the master), and if wanted host
-- ("0.0.0.0"), name ("login": the master registers ".login"), multilogin (false), instance (8
-- slaves). conf.port becomes the actual one. Raises what is missing.
return function(conf)
	local instances = conf.instance or 8
	assert(math.type(instances) == "integer" and instances > 0,
		"a login server needs at least one instance")
	assert(math.tointeger(tonumber(conf.port)), "a login server needs conf.port")
	for _, key in ipairs { "auth_handler", "login_handler", "command_handler" } do
		assert(type(conf[key]) == "function", "a login server needs conf." .. key)
	end
	conf.port = math.tointeger(tonumber(conf.port))
	local name = "." .. (conf.name or "login")
	skynet.start(function()
		if skynet.localname(name) then
			be_slave(conf)
		else
			be_master(conf, name)
		end
	end)
end
