-- SPDX-License-Identifier: MIT
-- snax.msgserver: a gate for users who have logged in. A client proves with his secret who he is,
-- on each connection with a higher index; his requests are answered, and answers that he missed are
-- sent again on the next connection without the request being handled twice.
local skynet = require "skynet"
local gateserver = require "snax.gateserver"
local netpack = require "skynet.netpack"
local driver = require "skynet.socketdriver"
local crypt = require "skynet.crypt"

local HANDSHAKE_MAX <const> = 3000   -- centiseconds
local CONTENT_MAX <const> = 65535 - 5

local msgserver = {}

-- username -> { username =, secret =, index = of the last connection, fd =, ip = while it is there,
-- answers = { session -> { fd = where it goes, frame = when it is there, index = connection that
-- asked, count = } }, count = of answers }
local users = {}
local greeted = {}     -- fd -> address, until its handshake came
local connected = {}   -- fd -> user
-- fd -> how many of its requests are being handled. A service that ends lets them be read, so that
-- the node finds nobody there and closes them.
local working = setmetatable({}, {
	__gc = function(all)
		for fd in pairs(all) do
			driver.hold(fd, false)
		end
	end,
})

-- username(uid, subid, server): the name of the user on the wire.
function msgserver.username(uid, subid, server)
	return ("%s@%s#%s"):format(crypt.base64encode(uid), crypt.base64encode(server),
		crypt.base64encode(tostring(subid)))
end

-- userid(username) -> uid, subid, server. Raises if it is no such name.
function msgserver.userid(username)
	local uid, server, subid = username:match "^([^@]*)@([^#]*)#(.*)$"
	if not uid then
		error(("'%s' is no user name of a msgserver"):format(username), 2)
	end
	return crypt.base64decode(uid), crypt.base64decode(subid), crypt.base64decode(server)
end

-- login(username, secret): the user may connect from now on. Raises if he may already.
function msgserver.login(username, secret)
	if users[username] then
		error(("the user '%s' is logged in already"):format(username), 2)
	end
	users[username] = { username = username, secret = secret, index = 0, answers = {},
		count = 0 }
end

-- The connection's end has no more to do with the user.
local function part(user)
	local fd = user.fd
	user.fd, user.ip = nil, nil
	if fd then
		connected[fd] = nil
		gateserver.closeclient(fd)
	end
end

-- logout(username): closes his connection and forgets him.
function msgserver.logout(username)
	local user = users[username]
	users[username] = nil
	if user then
		part(user)
	end
end

-- ip(username): the address of his connection; nil: he has none.
function msgserver.ip(username)
	local user = users[username]
	return user and user.ip
end

-- ---- handshakes ----

local function authenticate(fd, address, text)
	local username, index, proof = text:match "^([^:]*):([^:]*):([^:]*)$"
	local user = users[username]
	if not user then
		return "404 User Not Found"
	end
	local number = index:find "^%d+$" and math.tointeger(tonumber(index))
	local ok, mac = pcall(crypt.base64decode, proof)
	if not number or not ok then
		return "400 Bad Request"
	elseif number <= user.index then
		return "403 Index Expired"
	elseif not crypt.equal(mac, crypt.hmac_hash(user.secret, username .. ":" .. index)) then
		return "401 Unauthorized"
	end
	part(user)   -- with an earlier connection
	user.index, user.fd, user.ip = number, fd, address
	connected[fd] = user
	return "200 OK"
end

local function greet(fd, text)
	local result = authenticate(fd, greeted[fd], text)
	greeted[fd] = nil
	driver.send(fd, netpack.pack(result))
	if result ~= "200 OK" then
		gateserver.closeclient(fd)
	end
end

-- ---- requests ----

-- Forgets the oldest answers.
local function trim(user, limit)
	if user.count < 2 * limit then
		return
	end
	user.count = user.count - limit
	for session, answer in pairs(user.answers) do
		answer.count = answer.count - limit
		if answer.frame and answer.count < 0 then
			user.answers[session] = nil
		end
	end
end

-- The frame of an answer; ok: 1 or 0.
local function frame_of(content, ok, session)
	return (">s2"):pack(content .. (">I1I4"):pack(ok, session))
end

local function handle(conf, user, content, session)
	local ok, result = pcall(conf.request_handler, user.username, content)
	if ok and result ~= nil and type(result) ~= "string" then
		ok, result = false, "request_handler returned a " .. type(result)
	elseif ok and result and #result > CONTENT_MAX then
		ok, result = false, ("an answer of %d bytes is too large"):format(#result)
	end
	if not ok then
		skynet.error(("msgserver: request of %s: %s"):format(user.username, result))
		return frame_of("", 0, session)
	end
	return frame_of(result or "", 1, session)
end

-- Raises what is wrong with the request.
local function request(conf, fd, user, text)
	if #text < 4 then
		error("a request of less than 4 bytes", 0)
	end
	local content, session = text:sub(1, -5), (">I4"):unpack(text, -4)
	local answer = user.answers[session]
	if answer and answer.index == user.index then
		if not answer.frame then
			error(("Conflict session %d"):format(session), 0)
		end
		answer = nil   -- the client uses the number anew
	end
	if answer then
		answer.fd, answer.index, answer.count = fd, user.index, user.count
		if not answer.frame then
			return   -- it is sent when it is there
		end
	else
		answer = { fd = fd, index = user.index, count = user.count }
		user.answers[session] = answer
		answer.frame = handle(conf, user, content, session)
		answer.count = user.count
	end
	user.count = user.count + 1
	if connected[answer.fd] == user then
		driver.send(answer.fd, answer.frame)
	end
	answer.fd = nil
	trim(user, conf.expired_number or 128)
end

-- A connection with too many requests at work is not read until half of them are answered.
local function begin(fd, most)
	local n = (working[fd] or 0) + 1
	working[fd] = n
	if n == most then
		driver.hold(fd, true)
	end
end

local function finish(fd, most)
	local n = working[fd]
	if n then
		working[fd] = n > 1 and n - 1 or nil
		if n - 1 == most // 2 then
			driver.hold(fd, false)
		end
	end
end

-- ---- the gate ----

local function check(conf)
	for _, key in ipairs { "login_handler", "logout_handler", "kick_handler",
		"request_handler" } do
		assert(type(conf[key]) == "function", "a msgserver needs conf." .. key)
	end
end

-- start(conf): makes the service a msgserver. conf: login_handler, logout_handler, kick_handler
-- (the commands login, logout and kick), request_handler(username, text) -> text; if wanted
-- register_handler(servername), disconnect_handler(username), expired_number (128),
-- request_number (256). Raises what is missing.
function msgserver.start(conf)
	check(conf)
	local commands = {
		login = conf.login_handler, logout = conf.logout_handler, kick = conf.kick_handler,
	}
	local handler = {}
	local most = conf.request_number or 256

	function handler.command(name, _, ...)
		local f = commands[name]
		if not f then
			error(("a msgserver has no command '%s'"):format(tostring(name)), 0)
		end
		return f(...)
	end

	function handler.open(_, wanted)
		assert(wanted.servername, "a msgserver is opened with a servername")
		if conf.register_handler then
			conf.register_handler(wanted.servername)
		end
		return wanted.address, wanted.port
	end

	function handler.connect(fd, address)
		greeted[fd] = address
		skynet.timeout(HANDSHAKE_MAX, function()
			if greeted[fd] == address then
				greeted[fd] = nil
				gateserver.closeclient(fd)
			end
		end)
		gateserver.openclient(fd)
	end

	function handler.message(fd, msg, size)
		local text = netpack.tostring(msg, size)
		if greeted[fd] then
			return greet(fd, text)
		end
		local user = connected[fd]
		if not user then
			return   -- its connection was closed from here
		end
		begin(fd, most)
		local ok, why = pcall(request, conf, fd, user, text)
		finish(fd, most)
		if not ok then
			skynet.error(("msgserver: Invalid package of %s: %s")
				:format(user.username, why))
			gateserver.closeclient(fd)
		end
	end

	function handler.disconnect(fd)
		greeted[fd] = nil
		working[fd] = nil
		local user = connected[fd]
		if user then
			connected[fd] = nil
			user.fd, user.ip = nil, nil
			if conf.disconnect_handler then
				conf.disconnect_handler(user.username)
			end
		end
		gateserver.closeclient(fd)
	end
	handler.error = handler.disconnect

	return gateserver.start(handler)
end

return msgserver
