-- SPDX-License-Identifier: MIT
-- skynet.stm.
local skynet = require "skynet"
require "skynet.manager"
local stm = require "skynet.stm"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

tap.run {
	{ "a reader sees each version once", function()
		local w = stm.new(skynet.pack(1, "one"))
		local r = stm.newcopy(stm.copy(w))
		local ok, n, text = r(skynet.unpack)
		equal(ok, true)
		equal(n, 1)
		equal(text, "one")
		equal(r(skynet.unpack), false)
		w(skynet.pack(2))
		w(skynet.pack(3))
		equal(select(2, r(skynet.unpack)), 3)
		equal(select("#", r(skynet.unpack)), 1)
	end },
	{ "strings; the function gets pointer, size and the user data", function()
		local w = stm.new "abc"
		local r = stm.newcopy(stm.copy(w))
		local ok, text, ud = r(function(p, size, ud) return skynet.tostring(p, size),
			ud end, "mine")
		equal(ok, true)
		equal(text, "abc")
		equal(ud, "mine")
		w ""
		equal(select(2, r(function(_, size) return size end)), 0)
		w "a\0b"
		equal(select(2, r(skynet.tostring)), "a\0b")
	end },
	{ "what a reader hands over stays while the function runs, though nobody has the reader",
		function()
			local w = stm.new(("x"):rep(5000))
			local _, text = stm.newcopy(stm.copy(w))(function(p, size)
				w "y"
				collectgarbage()
				w(("z"):rep(5000))
				return skynet.tostring(p, size)
			end)
			equal(text:find "[^x]", nil)
		end },
	{ "an error of the function is raised; that version counts as read", function()
		local w = stm.new "x"
		local r = stm.newcopy(stm.copy(w))
		raises("boom", r, function() error "boom" end)
		equal(r(print), false)
	end },
	{ "when the writer is gone there is nothing new", function()
		local w = stm.new "x"
		local r, unread = stm.newcopy(stm.copy(w)), stm.newcopy(stm.copy(w))
		equal(r(function() end), true)
		w = nil
		collectgarbage()
		collectgarbage()
		equal(r(print), false)
		equal(unread(print), false)
	end },
	{ "wrong arguments", function()
		local w = stm.new "x"
		raises("expected", stm.new)
		raises("expected", stm.new, {}, 1)
		local p, size = skynet.pack(1)
		raises("negative", w, p, -1)
		skynet.trash(p, size)
		raises("stm writer", stm.copy, io.stdout)
		raises("expected", stm.newcopy, "x")
		raises("function", stm.newcopy(stm.copy(w)))
	end },
	{ "other services read", function()
		local w = stm.new(skynet.pack "first")
		local s = skynet.newservice "stm_reader"
		skynet.call(s, "lua", "open", stm.copy(w))
		equal(select(2, skynet.call(s, "lua", "read")), "first")
		equal(skynet.call(s, "lua", "read"), false)
		w(skynet.pack "second")
		equal(select(2, skynet.call(s, "lua", "read")), "second")
		skynet.kill(s)
	end },
	{ "versions are whole and come in order while many read", function()
		local w = stm.new(skynet.pack(0, ""))
		local left, good = 4, true
		for _ = 1, left do
			local s = skynet.newservice "stm_reader"
			skynet.call(s, "lua", "open", stm.copy(w))
			skynet.fork(function()
				good = skynet.call(s, "lua", "watch", 20000) and good
				skynet.kill(s)
				left = left - 1
			end)
		end
		for n = 1, 20000 do
			w(skynet.pack(n, ("x"):rep(n % 100)))
			if n % 50 == 0 then
				skynet.yield()
			end
		end
		tap.until_true("the readers", function() return left == 0 end)
		equal(good, true)
	end },
}
