-- SPDX-License-Identifier: MIT
-- skynet.socketchannel: order mode, session mode, failures, auth, backups, against
-- servers in this service.
local skynet = require "skynet"
local socket = require "skynet.socket"
local socketchannel = require "skynet.socketchannel"
local tap = require "tap"

-- A server whose connections run f(fd, number). Returns its port and a table: .count, .stop().
local function serve(f, port)
	local server = { count = 0, fds = {} }
	local lid, _, real = socket.listen("127.0.0.1", port or 0)
	socket.start(lid, function(fd)
		if not socket.start(fd) then
			return
		end
		server.count = server.count + 1
		server.fds[fd] = true
		f(fd, server.count)
		server.fds[fd] = nil
		socket.close(fd)
	end)
	function server.stop()
		socket.close(lid)
		for fd in pairs(server.fds) do
			socket.shutdown(fd)
		end
	end
	return real, server
end

local function echo(fd)
	while true do
		local line = socket.readline(fd)
		if not line or line == "bye" then
			return
		end
		socket.write(fd, line .. "\n")
	end
end

local function line(sock)
	return true, sock:readline()
end

local function channel_error(f, ...)
	local ok, why = pcall(f, ...)
	assert(not ok and why == socketchannel.error, tostring(why))
end

-- "SESSION text": an answer of the session; + before the text: more follows, - an error
local function by_session(sock)
	local id, kind, text = sock:readline():match "^(%d+) ([=+-])(.*)$"
	return tonumber(id), kind ~= "-", text, kind == "+"
end

tap.run {
	{ "order mode: requests of many tasks get their own answers; one connection", function()
		local port, server = serve(echo)
		local c = socketchannel.channel { host = "127.0.0.1", port = port, nodelay = true }
		local done = 0
		for i = 1, 50 do
			skynet.fork(function()
				local text = "n" .. i
				if c:request(text .. "\n", line) == text then
					done = done + 1
				end
			end)
		end
		tap.until_true("50 answers", function() return done == 50 end)
		tap.equal(c:request({ "a", "b", "\n" }, line), "ab")
		tap.equal(c:request("p", line, { "q", "r\n" }), "pqr")
		tap.equal(c:request "no answer wanted\n", nil)
		tap.equal(c:response(line), "no answer wanted")
		tap.equal(server.count, 1)
		c:close()
		server.stop()
	end },
	{ "gather: what tasks that run together ask is one packet, in its order", function()
		local packets = {}
		local port, server = serve(function(fd)
			while true do
				local data = socket.read(fd)
				if not data then
					return
				end
				packets[#packets + 1] = data
				socket.write(fd, data)
			end
		end)
		local c = socketchannel.channel { host = "127.0.0.1", port = port, gather = true }
		local got = {}
		local function ask(text)
			local answer = c:request(text .. "\n", line)
			got[#got + 1] = answer
		end
		c:connect()
		for i = 0, 9 do
			skynet.fork(ask, i)
		end
		tap.until_true("ten answers", function() return #got == 10 end)
		tap.equal(table.concat(got), "0123456789")
		tap.equal(table.concat(packets), "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n")
		assert(#packets <= 2, #packets)
		-- one that wants no answer does not overtake those that are gathered
		for i = 1, 3 do
			skynet.fork(ask, "x" .. i)
		end
		skynet.fork(function() c:request "plain\n" end)
		tap.until_true("three answers", function() return got[13] end)
		tap.equal(c:response(line), "plain")
		c:close()
		server.stop()
	end },
	{ "order mode: more collects; an error answer is raised", function()
		local port, server = serve(echo)
		local c = socketchannel.channel { host = "127.0.0.1", port = port }
		local n = 0
		local parts = c:request("1\n2\n3\n", function(sock)
			n = n + 1
			return true, sock:readline(), n < 3
		end)
		tap.equal(table.concat(parts, ","), "1,2,3")
		local why = tap.raises("bad thing", c.request, c, "bad thing\n",
			function(sock) return false, sock:readline() end)
		assert(why:match "^[^:]+:%d+: bad thing$", why)
		local box = {}
		local ok, raised = pcall(c.request, c, "x\n",
			function(sock) sock:readline() return false, box end)
		assert(not ok and raised == box)
		tap.equal(c:request("goes on\n", line), "goes on")
		tap.equal(server.count, 1)
		server.stop()
		c:close()
	end },
	{ "a response function that raises closes the connection; all waiters get the text",
		function()
		local port, server = serve(echo)
		local c = socketchannel.channel { host = "127.0.0.1", port = port }
		local second
		skynet.fork(function()
			second = select(2, pcall(c.request, c, "2\n", line))
		end)
		tap.raises("my fault", c.request, c, "1\n", function(sock)
			sock:readline()
			skynet.sleep(5)
			error "my fault"
		end)
		tap.until_true("the second fails",
			function() return second and tostring(second):find "my fault" end)
		tap.equal(c:request("again\n", line), "again")
		tap.equal(server.count, 2)
		c:close()
		server.stop()
	end },
	{ "a lost connection gives everybody the error object; the next request connects anew",
		function()
		local port, server = serve(function(fd, n)
			if n == 1 then
				socket.readline(fd)
				socket.readline(fd)
			else
				echo(fd)
			end
		end)
		local c = socketchannel.channel { host = "127.0.0.1", port = port }
		local second
		skynet.fork(function()
			second = select(2, pcall(c.request, c, "2\n", line))
		end)
		channel_error(c.request, c, "1\n", line)
		tap.until_true("the second fails",
			function() return second == socketchannel.error end)
		tap.equal(tostring(second), "[Error: socket]")
		tap.equal(c:request("new\n", line), "new")
		tap.equal(server.count, 2)
		c:close()
		server.stop()
	end },
	{ "the peer closes while nothing is asked: silently closed, then reconnected", function()
		local port, server = serve(echo)
		local c = socketchannel.channel { host = "127.0.0.1", port = port }
		local from = #tap.log()
		c:connect(true)
		c:request "bye\n"
		tap.logged("socket closed by peer", from)
		tap.equal(c:request("back\n", line), "back")
		tap.equal(server.count, 2)
		c:close()
		server.stop()
	end },
	{ "close: waiters fail, requests raise until connect", function()
		local port, server = serve(echo)
		local c = socketchannel.channel { host = "127.0.0.1", port = port }
		tap.equal(c:request("a\n", line), "a")
		local why
		skynet.fork(function() why = select(2, pcall(c.response, c, line)) end)
		skynet.yield()
		c:close()
		tap.until_true("the waiter fails", function() return why ~= nil end)
		assert(why == socketchannel.error or tostring(why):find "channel_closed", why)
		tap.raises("assertion failed!", c.request, c, "b\n", line)
		tap.equal(c:connect(true), true)
		tap.equal(c:request("c\n", line), "c")
		c:close()
		server.stop()
	end },
	{ "connect(true) to nobody raises the error object; connect() tries on", function()
		local port, server = serve(echo)
		server.stop()
		local c = socketchannel.channel { host = "127.0.0.1", port = port }
		local from = #tap.log()
		channel_error(c.connect, c, true)
		tap.logged("Connection refused", from)
		assert(c:lasterror():find "refused")
		channel_error(c.request, c, "x\n", line)
		local connected
		skynet.fork(function() connected = c:connect() end)
		skynet.sleep(10)
		tap.equal(connected, nil)
		_, server = serve(echo, port)
		tap.until_true("connected in the end", function() return connected end)
		tap.equal(c:request("x\n", line), "x")
		c:close()
		server.stop()
		tap.raises("host", socketchannel.channel, {})
	end },
	{ "session mode: answers in any order, parts, errors, unknown sessions", function()
		local port, server = serve(function(fd)
			local asked = {}
			while true do
				local text = socket.readline(fd)
				if not text then
					return
				elseif text == "go" then
					socket.write(fd, "99 =nobody's\n")
					for i = #asked, 1, -1 do
						socket.write(fd, asked[i] .. " +a\n" .. asked[i]
							.. " +b\n" .. asked[i] .. " =c\n")
					end
				elseif text:match "^bad" then
					socket.write(fd, text:match "%d+" .. " -because\n")
				else
					asked[#asked + 1] = text
				end
			end
		end)
		local c = socketchannel.channel { host = "127.0.0.1", port = port,
			response = by_session }
		local order, from = {}, #tap.log()
		for i = 1, 3 do
			skynet.fork(function()
				local parts = c:request(i .. "\n", i)
				order[#order + 1] = i .. table.concat(parts)
			end)
		end
		c:connect(true)
		tap.raises("because", c.request, c, "bad 7\n", 7)
		c:request "go\n"
		tap.until_true("three answers", function() return #order == 3 end)
		tap.equal(table.concat(order, " "), "3abc 2abc 1abc")
		tap.logged("socket: unknown session : 99", from)
		-- cancel is ours
		local why
		skynet.fork(function() why = select(2, pcall(c.request, c, "8\n", 8)) end)
		skynet.yield()
		local mark = {}
		tap.equal(c:cancel(8, mark), true)
		tap.equal(c:cancel(8, mark), false)
		tap.until_true("cancelled", function() return why == mark end)
		-- a lost connection
		local lost
		skynet.fork(function() lost = select(2, pcall(c.request, c, "9\n", 9)) end)
		skynet.yield()
		server.stop()
		tap.until_true("lost", function() return lost == socketchannel.error end)
		c:close()
	end },
	{ "auth runs first; requests of others wait for it", function()
		local log = {}
		local port, server = serve(function(fd)
			while true do
				local text = socket.readline(fd)
				if not text then
					return
				end
				log[#log + 1] = text
				socket.write(fd, text .. "\n")
			end
		end)
		local c = socketchannel.channel { host = "127.0.0.1", port = port,
			auth = function(channel)
			skynet.sleep(5)
			assert(channel:request("auth\n", line) == "auth")
		end }
		local done = 0
		for i = 1, 3 do
			skynet.fork(function()
				c:request(i .. "\n", line)
				done = done + 1
			end)
		end
		tap.until_true("all answered", function() return done == 3 end)
		tap.equal(table.concat(log, ","), "auth,1,2,3")
		c:close()
		server.stop()
	end },
	{ "auth that fails: the next address; none left: the error object", function()
		local tries = 0
		local port_a, a = serve(echo)
		local port_b, b = serve(echo)
		local fail = true
		local c = socketchannel.channel {
			host = "127.0.0.1", port = port_a,
				backup = { { host = "127.0.0.1", port = port_b },
				{ host = "127.0.0.1", port = port_a } },
			auth = function(channel)
				tries = tries + 1
				if fail or tries % 2 == 1 then
					error "wrong password"
				end
				channel:request("ok\n", line)
			end,
		}
		local from = #tap.log()
		channel_error(c.connect, c, true)
		tap.equal(tries, 2)
		tap.logged("socket: auth failed", from)
		assert(tap.log():find("wrong password", from, true))
		tap.equal(c:lasterror(), "no more backup host")
		fail = false
		-- a fails, b succeeds and becomes the main address
		tap.equal(c:request("x\n", line), "x")
		tap.equal(tries, 4)
		tap.equal(a.count + b.count, 4)
		c:close()
		a.stop()
		b.stop()
	end },
	{ "a backup answers when the main address does not, and becomes it", function()
		local dead, server = serve(echo)
		server.stop()
		local port, alive = serve(echo)
		local c = socketchannel.channel { host = "127.0.0.1", port = dead,
			backup = { { host = "127.0.0.1", port = port } } }
		tap.equal(c:request("hi\n", line), "hi")
		tap.equal(alive.count, 1)
		c:changebackup {}
		c:request "bye\n"
		tap.until_true("reconnected", function()
			-- it may meet the end of the old connection
			local ok, text = pcall(c.request, c, "there\n", line)
			return ok and text == "there" and alive.count == 2
		end)
		c:close()
		alive.stop()
	end },
	{ "auth may change the address; changehost moves a channel", function()
		local port_a, a = serve(echo)
		local port_b, b = serve(echo)
		local c
		c = socketchannel.channel { host = "127.0.0.1", port = port_a,
			auth = function(channel)
			if channel:request("who\n", line) and a.count == 1 and b.count == 0 then
				channel:changehost("127.0.0.1", port_b)
			end
		end }
		tap.equal(c:request("x\n", line), "x")
		tap.equal(b.count, 1)
		c:changehost("127.0.0.1", port_a)
		tap.equal(c:request("y\n", line), "y")
		tap.equal(a.count, 2)
		c:close()
		a.stop()
		b.stop()
	end },
	{ "overload is told of once, and of its end", function()
		local calls, accepted = {}, nil
		-- nobody reads before the connection is started
		local lid, _, port = socket.listen("127.0.0.1", 0)
		socket.start(lid, function(fd) accepted = fd end)
		local c = socketchannel.channel { host = "127.0.0.1", port = port,
			overload = function(over)
			calls[#calls + 1] = over
		end }
		local block = ("x"):rep(256 * 1024)
		-- more than another socket may have waiting: a burst of the program's own is no
		-- attack
		for _ = 1, 120 do
			c:request(block)
		end
		tap.until_true("overloaded", function() return calls[1] == true end)
		tap.equal(#calls, 1)
		tap.until_true("accepted", function() return accepted end)
		socket.start(accepted)
		skynet.fork(function()
			while socket.read(accepted) do end
			socket.close(accepted)
		end)
		tap.until_true("relieved", function() return calls[2] == false end)
		c:close()
		socket.close(lid)
	end },
	{ "a channel whose server never reads ends at its writelimit", function()
		local lid, _, port = socket.listen("127.0.0.1", 0)
		socket.start(lid, function() end)
		local c = socketchannel.channel { host = "127.0.0.1", port = port,
			writelimit = 1024 * 1024 }
		local block = ("x"):rep(256 * 1024)
		local sent = 0
		channel_error(function()
			repeat
				c:request(block)
				sent = sent + 1
			until sent == 120
		end)
		c:close()
		socket.close(lid)
	end },
	{ "a forgotten channel closes its connection", function()
		local gone = false
		local port, server = serve(function(fd)
			echo(fd)
			gone = true
		end)
		do
			local c = socketchannel.channel { host = "127.0.0.1", port = port,
				response = by_session }
			c:connect(true)
		end
		tap.until_true("closed by the collector", function()
			collectgarbage()
			return gone
		end)
		server.stop()
	end },
	{ "a data base that takes the connection and says nothing is given up", function()
		local id, host, port = socket.listen("127.0.0.1", 0)
		socket.start(id, function(fd) socket.start(fd) end)
		local at = { host = host, port = port, user = "x", auth = "x" }
		socketchannel.logintime = 10
		local text = ("auth failed no login at %s:%d within 0.10 s"):format(host, port)
		for _, what in ipairs { "redis", "mysql", "pgsql", "mongo" } do
			local from, connect = #tap.log(), what == "mongo" and "client" or "connect"
			local ok, why = pcall(require("skynet.db." .. what)[connect], at)
			assert(not ok and why == socketchannel.error, what)
			tap.logged(text, from)
		end
		socketchannel.logintime = 3000
		socket.close(id)
	end },
}
