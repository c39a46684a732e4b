-- SPDX-License-Identifier: MIT
-- skynet.dns against a name server that answers well, badly and not at all (dns_server.py).
local skynet = require "skynet"
local dns = require "skynet.dns"
local socket = require "skynet.socket"
local python = require "python"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local port, quit = python("dns_server.py", "127.0.0.1")

local function write(text)
	local path = os.tmpname()
	local f <close> = assert(io.open(path, "w"))
	f:write(text)
	return path
end

local function sockets()
	local n = 0
	for _, s in ipairs(socket.netstat()) do
		n = n + (s.address == skynet.self() and 1 or 0)
	end
	return n
end

local hosts_file = write [[
# a remark
127.0.0.7	Printer printer.lan # another
::7 printer.lan
127.0.0.8 printer.lan

10.1.1.1
]]
dns.DEFAULT_HOSTS = hosts_file

tap.run {
	{ "addresses come back as they are", function()
		equal(dns.resolve "127.0.0.1", "127.0.0.1")
		equal(select("#", dns.resolve "1.2.3.4"), 1)
		equal(dns.resolve "::1", "::1")
		equal(dns.resolve("1.2.3.4", true), "1.2.3.4")
	end },
	{ "names that are none", function()
		for _, name in ipairs { "a b", "a/b", "ä.test", ("l"):rep(64) .. ".test",
			("x."):rep(513) } do
			local ip, why = dns.resolve(name)
			equal(ip, nil)
			equal(why, "illegal name")
		end
		raises("a name expected, got nil", dns.resolve)
	end },
	{ "hosts: without a server, upper case, both families, the first line first", function()
		local ip, list = dns.resolve "PRINTER.lan"
		equal(ip, "127.0.0.7")
		equal(table.concat(list, " "), "127.0.0.7 127.0.0.8")
		equal(dns.resolve("printer.lan", true), "::7")
		equal(dns.resolve "printer", "127.0.0.7")
		os.remove(hosts_file)
	end },
	{ "no server is known", function()
		dns.DEFAULT_RESOLV_CONF = write "# nameserver 10.0.0.1\noptions timeout:1\n"
		raises("Call dns.server first", dns.resolve, "a.test")
		dns.DEFAULT_RESOLV_CONF = nil
		dns.server()
		raises("Call dns.server first", dns.resolve, "a.test")
		raises("the address of a server", dns.server, 5)
		raises("the address of a server", dns.server, "name.of.a.server")
	end },
	{ "IPv4: one address, several, by an alias", function()
		dns.server("127.0.0.1", port)
		local ip, list = dns.resolve "A.test"
		equal(ip, "10.0.0.1")
		equal(#list, 1)
		ip, list = dns.resolve "many.test"
		equal(ip, "10.0.1.1")
		equal(table.concat(list, " "), "10.0.1.1 10.0.1.2 10.0.1.3")
		equal(dns.resolve "alias.test", "10.0.2.1")
	end },
	{ "IPv6: groups in full", function()
		local ip, list = dns.resolve("six.test", true)
		equal(ip, "2001:db8:0:0:0:0:0:1")
		equal(list[2], "0:0:0:0:0:0:0:1")
		raises("timeout or no answer", dns.resolve, "six.test")
	end },
	{ "no such name, no address, a server that fails: at once", function()
		local from = skynet.now()
		for _, name in ipairs { "nx", "empty", "servfail", "refused" } do
			raises("timeout or no answer", dns.resolve, name .. ".test")
		end
		local why = raises("test_dns.lua:", function() dns.resolve "nx.test" end)
		equal(why:find("nx.test", 1, true) ~= nil, true)
		equal(skynet.now() - from < 500, true)
	end },
	{ "a question that is lost is asked again", function()
		equal(dns.resolve "retry.test", "10.0.3.1")
	end },
	{ "an answer that was cut comes over TCP", function()
		local ip, list = dns.resolve "big.test"
		equal(ip, "10.0.4.1")
		equal(#list, 50)
		equal(list[50], "10.0.4.50")
		raises("timeout or no answer", dns.resolve, "cutoff.test")
	end },
	{ "wrong ids, other names, other senders and garbage are no answers", function()
		for _, name in ipairs { "wrongid", "wrongname", "spoof", "garbage" } do
			equal(dns.resolve(name .. ".test"), "10.0.0.1")
		end
	end },
	{ "answers that lie about their sizes are none", function()
		for _, name in ipairs { "badrecord", "beyond", "loop", "lies" } do
			raises("timeout or no answer", dns.resolve, name .. ".test")
		end
	end },
	{ "the cache: as long as the answer holds, until flush", function()
		equal(dns.resolve "count.test", "10.9.0.1")
		equal(dns.resolve "Count.test", "10.9.0.1")
		dns.flush()
		equal(dns.resolve "count.test", "10.9.0.2")
		equal(dns.resolve "count1.test", "10.9.0.1")
		tap.until_true("the end of a second", function()
			return dns.resolve "count1.test" == "10.9.0.2"
		end)
		equal(dns.resolve "count0.test", "10.9.0.1")
		equal(dns.resolve "count0.test", "10.9.0.2")
	end },
	{ "what was cached belongs to nobody", function()
		local _, list = dns.resolve "many.test"
		list[1] = "spoiled"
		equal(dns.resolve "many.test", "10.0.1.1")
	end },
	{ "an old answer is better than none", function()
		equal(dns.resolve "once.test", "10.0.6.1")
		skynet.sleep(210)
		equal(dns.resolve "once.test", "10.0.6.1")
	end },
	{ "many ask for one name: one question", function()
		local results, left, me = {}, 20, coroutine.running()
		for i = 1, left do
			skynet.fork(function()
				results[i] = dns.resolve "slow.test"
				left = left - 1
				if left == 0 then
					skynet.wakeup(me)
				end
			end)
		end
		skynet.wait(me)
		for i = 1, 20 do
			equal(results[i], "10.9.1.1")
		end
	end },
	{ "many names at a time, more than are asked at once", function()
		local left, bad, me = 600, 0, coroutine.running()
		for i = 1, left do
			skynet.fork(function()
				if dns.resolve(("a.x%d.test"):format(i)) ~= "10.0.0.1" then
					bad = bad + 1
				end
				left = left - 1
				if left == 0 then
					skynet.wakeup(me)
				end
			end)
		end
		skynet.wait(me)
		equal(bad, 0)
	end },
	{ "httpc asks for names here, once it was told to", function()
		local httpc = require "http.httpc"
		local listener, _, web = socket.listen("127.0.0.1", 0)
		socket.start(listener, function(id)
			socket.start(id)
			local request = socket.readline(id, "\r\n\r\n")
			local host = request:match "[Hh]ost: ?([^\r\n]+)"
			socket.write(id, ("HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s")
				:format(#host, host))
			socket.close(id)
		end)
		httpc.dns("127.0.0.1", port)
		local status, body = httpc.get(("local.test:%d"):format(web), "/")
		equal(status, 200)
		equal(body:match "^[^:]+", "local.test")
		raises("timeout or no answer", httpc.get, ("nx.test:%d"):format(web), "/")
		raises("Invalid host: a..test", httpc.get, ("a..test:%d"):format(web), "/")
		socket.close(listener)
	end },
	{ "of several servers the next is asked", function()
		local deaf = socket.udp(function() end, "127.0.0.1", 0) -- it never answers
		local other, quit_other = python("dns_server.py", "::1")
		local at
		for _, s in ipairs(socket.netstat()) do
			at = s.id == deaf and tonumber(s.sock:match ":(%d+)$") or at
		end
		dns.server { { "127.0.0.1", at }, { "::1", other } }
		local from = skynet.now()
		equal(dns.resolve "a.several.test", "10.0.0.1")
		equal(skynet.now() - from >= 90, true)
		socket.close(deaf)
		-- one that fails: at once
		dns.server { { "127.0.0.1", port }, { "::1", other } }
		from = skynet.now()
		equal(dns.resolve "second.several.test", "10.0.7.1")
		equal(skynet.now() - from < 90, true)
		raises("the address of a server expected, got nil", dns.server, { {} })
		raises("no servers", dns.server, {})
		quit_other()
		dns.server("127.0.0.1", port)
	end },
	{ "nothing is left open", function()
		tap.until_true("the sockets are closed", function() return sockets() == 0 end)
	end },
	{ "a task that is no longer there harms nobody; the node works meanwhile", function()
		equal(dns.timeout, 3000)
		dns.timeout = 150
		local failed
		local task = skynet.fork(function() dns.resolve "silent.test" end)
		skynet.fork(function()
			local ok, why = pcall(dns.resolve, "silent.test")
			failed = not ok and why
		end)
		skynet.sleep(1)
		skynet.killthread(task)
		local beats, from = 0, skynet.now()
		while not failed do
			skynet.sleep(10)
			beats = beats + 1
		end
		local text = "timeout or no answer (silent.test: no answer from 127.0.0.1:%d "
			.. "within 1.50 s)"
		equal(failed:find(text:format(port), 1, true) ~= nil, true)
		local took = skynet.now() - from
		equal(took >= 140 and took < 1000, true)
		equal(beats >= 5, true)
		dns.timeout = 3000
	end },
	{ "a server on IPv6", function()
		local p6, quit6 = python("dns_server.py", "::1")
		dns.server("::1", p6)
		equal(dns.resolve "a.other.test", "10.0.0.1")
		equal(#select(2, dns.resolve "big.other.test"), 50)
		quit6()
		quit()
	end },
}
