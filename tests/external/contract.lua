-- SPDX-License-Identifier: MIT
-- Drives C services and a C library that were built outside of the tree.
local skynet = require "skynet"
require "skynet.manager"
local socket = require "skynet.socket"
local tap = require "tap"
local clib = require "clib"
local equal = tap.equal

skynet.register_protocol {
	name = "text",
	id = skynet.PTYPE_TEXT,
	pack = function(...) return ... end,
	unpack = skynet.tostring,
}

local parrot, server
local function ask(text, size) return skynet.call(parrot, "text", text, size) end

tap.run {
	{ "a C service is launched: create, init, its log line", function()
		local from = #tap.log()
		parrot = skynet.launch("parrot", ".parrot")
		assert(parrot, "not launched")
		tap.logged(("[%s] LAUNCH parrot .parrot"):format(skynet.address(parrot)), from)
		equal(skynet.localname ".parrot", parrot)
		equal(ask "ECHO hello", "hello")
	end },
	{ "init that refuses, a module that is not there, one without init: no service, and the "
		.. "log says so", function()
		local from = #tap.log()
		equal(skynet.launch("parrot", "refuse"), nil)
		tap.logged("FAILED launch parrot refuse", from)
		equal(skynet.launch "nosuchmodule", nil)
		tap.logged("try open nosuchmodule failed : ", from)
		equal(skynet.launch "noinit", nil)
		equal(ask "RELEASED", "1")
	end },
	{ "a module without create; a dotted name", function()
		local from = #tap.log()
		assert(skynet.launch("plain", "a b"))
		tap.logged("plain has no instance a b", from)
		assert(skynet.launch "sub.plain")
		tap.logged("plain has no instance (null)", from)
	end },
	{ "memory: malloc, calloc, realloc, free, strdup, aligned blocks, skynet_lalloc", function()
		equal(ask "MEMORY", "0")
	end },
	{ "sends that fail give their number and free their buffer; sessions are new", function()
		local from = #tap.log()
		equal(ask "SENDS", "0")
		tap.logged("Destination address can't be 0", from)
		tap.logged("is too large", from)
	end },
	{ "names, handles, remote handles, time", function()
		local from = #tap.log()
		equal(ask "QUERIES", "0")
		tap.logged("Don't support query global name GLOBAL", from)
	end },
	{ "a message can be sent on as it is, or kept and sent later", function()
		equal(ask "FORWARD me", "FORWARD me")
		local long = "KEEP " .. ("x"):rep(100000)
		equal(ask(long), "kept")
		equal(ask "GIVE", long)
		equal(ask(long), "kept")
		equal(ask "KEEP another", "kept") -- frees the first
	end },
	{ "a block of a large alignment is sent, too", function()
		for _ = 1, 100 do
			equal(ask "ALIGNED", "on 256 bytes")
		end
	end },
	{ "a timer of a C service", function()
		local began = skynet.now()
		equal(ask "TIMER 5", "ring")
		assert(skynet.now() - began >= 4)
	end },
	{ "commands from C: REG, QUERY, LAUNCH, NAME, GETENV, KILL", function()
		equal(ask "COMMAND REG", (":%x"):format(parrot))
		equal(ask "COMMAND QUERY .parrot", (":%x"):format(parrot))
		equal(ask "COMMAND GETENV harbor", "0")
		equal(ask "COMMAND QUERY .nobody", "NULL")
		local child = ask "COMMAND LAUNCH parrot .child"
		assert(child:match "^:%x%x%x%x%x%x%x%x$", child)
		equal(ask("COMMAND NAME .second " .. child), "second")
		equal(skynet.call(".second", "text", "ECHO 2"), "2")
		equal(ask "COMMAND KILL .child", "NULL")
		tap.until_true("its end", function() return not skynet.localname ".second" end)
		tap.until_true("its release", function() return ask "RELEASED" == "2" end)
	end },
	{ "a signal", function()
		equal(ask(("COMMAND SIGNAL %s 0x10"):format(skynet.address(parrot))), "NULL")
		equal(ask "SIGNALS", "16")
	end },
	{ "skynet_error: any length, in the name of the service or of the node", function()
		local from = #tap.log()
		equal(ask "LOG a word", "logged")
		tap.logged(("[%s] a word, and %s7"):format(skynet.address(parrot), ("0"):rep(2999)),
			from)
		tap.logged("[:00000000] nobody says a word", from)
	end },
	{ "without a callback messages are thrown away", function()
		local deaf = skynet.launch("parrot", ".deaf")
		equal(skynet.call(deaf, "text", "DEAF"), "deaf")
		skynet.send(deaf, "text", "ECHO anybody?")
		tap.until_true("it is read", function()
			return not pcall(skynet.calltimeout, 1, deaf, "text", "ECHO anybody?")
		end)
		skynet.kill(deaf)
	end },

	{ "a C library: the context, blocks that become messages, skynet_send", function()
		local handle, address = clib.handle()
		equal(handle, skynet.self())
		equal(address, (":%x"):format(skynet.self()))
		equal(ask(clib.block("ECHO from a block")), "from a block")
		equal(skynet.rawsend(0xfffffe, "text", clib.block "to nobody"), nil)
		equal(clib.send(parrot, 0, "NOTHING"), 0)
		equal(clib.send(0xfffffe, 0, "NOTHING"), -1)
		skynet.trash(clib.block "thrown away")
	end },
	{ "skynet.pack's block is a library's to free, and the serialiser is the same", function()
		equal(clib.take(skynet.pack("x", 1)), skynet.packstring("x", 1))
		equal(clib.take(clib.pack("y", { 2 })), skynet.packstring("y", { 2 }))
		equal(select(2, clib.unpack(skynet.packstring("a", "b"))), "b")
		equal(select(2, clib.pack()), 0)
	end },
	{ "skynet_env.h: the environment of the node, in which a key is set once", function()
		equal(clib.env "start", "contract")
		equal(clib.env "no_such_key", nil)
		equal(clib.env("set_in_c", "value"), "value")
		equal(skynet.getenv "set_in_c", "value")
		local from = #tap.log()
		equal(clib.env("set_in_c", "other"), "value")
		tap.logged("Can't setenv exist key : set_in_c", from)
	end },
	{ "spinlock.h: threads count together", function()
		local got, wanted, right = clib.spin()
		equal(got, wanted)
		equal(right, true)
	end },

	{ "sockets of a C service: listen, accept, echo by every way of sending", function()
		local from = #tap.log()
		server = assert(skynet.launch "echoserver")
		local port
		tap.until_true("its port", function()
			port = math.tointeger(tonumber(skynet.call(server, "text", "PORT")))
			return port ~= 0
		end)
		local id = assert(socket.open("127.0.0.1", port))
		tap.logged("accepted 127.0.0.1:", from)
		for _, text in ipairs { "plain", "low priority", "raw pointer",
			("long"):rep(50000) } do
			socket.write(id, text)
			equal(socket.read(id, #text), text)
		end
		socket.write(id, "obj ect")
		equal(socket.read(id, 7), "no! ect")
		socket.write(id, clib.block "a block of the library")
		equal(socket.read(id, 22), "a block of the library")
		equal(skynet.call(server, "text", "INFO"), "2 1")
		socket.write(id, "bye")
		equal(socket.read(id), false)
		socket.close(id)
	end },
	{ "a C service connects", function()
		equal(skynet.call(server, "text", "SELF"), "from inside")
	end },
	{ "a C service sends datagrams", function()
		equal(skynet.call(server, "text", "UDP"), "to and fro")
	end },
	{ "what cannot be done with sockets gives -1 and frees its buffer", function()
		local from = #tap.log()
		equal(skynet.call(server, "text", "FAIL"), "0")
		tap.logged("the name of the host is too long", from)
		tap.logged("udp 192.0.2.1:1: Cannot assign requested address", from)
		tap.logged("udp dial no.such.host.invalid:1:", from)
		tap.logged("udp connect 127.0.0.1:1:", from)
	end },
	{ "what a C service reads and sends on as PTYPE_CLIENT is read no faster than it is taken",
		function()
		local driver = require "skynet.socketdriver"
		local got, fd = 0, nil
		skynet.register_protocol { name = "client", id = skynet.PTYPE_CLIENT,
			unpack = skynet.tostring, dispatch = function(session, _, text)
				skynet.ignoreret()
				fd, got = session, got + #text
			end }
		equal(skynet.call(server, "text", "GATE"), "agent")
		local port = math.tointeger(tonumber(skynet.call(server, "text", "PORT")))
		local id = assert(socket.open("127.0.0.1", port))
		socket.write(id, "first")
		tap.until_true("the first bytes", function() return got == 5 end)
		local function of_server()
			for _, s in ipairs(driver.info()) do
				if s.id == fd then
					return s
				end
			end
		end
		socket.write(id, ("x"):rep(8 << 20))
		local till = skynet.hpc() + 20e9
		repeat -- takes no message meanwhile
			local s = of_server()
		until s.waiting or skynet.hpc() > till
		equal(of_server().waiting, true)
		tap.until_true("all of it", function() return got == 5 + (8 << 20) end)
		equal(of_server().waiting, false)
		socket.close(id)
	end },
	{ "the end of a C service releases it; its socket is closed", function()
		local before = tonumber(ask "RELEASED")
		local other = skynet.launch "parrot"
		equal(skynet.call(other, "text", "ECHO there"), "there")
		skynet.kill(other)
		tap.until_true("its release",
			function() return tonumber(ask "RELEASED") == before + 1 end)
		local port = math.tointeger(tonumber(skynet.call(server, "text", "PORT")))
		skynet.kill(server)
		tap.until_true("its listener is gone", function()
			local id = socket.open("127.0.0.1", port)
			if id then socket.close(id) end
			return not id
		end)
	end },
}
