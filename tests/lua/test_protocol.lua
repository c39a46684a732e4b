-- SPDX-License-Identifier: MIT
-- Protocols of one's own.
local skynet = require "skynet"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

tap.run {
	{ "pack and unpack as one likes, string or pointer", function()
		local got
		skynet.register_protocol {
			name = "upper", id = 100,
			pack = string.upper,
			unpack = skynet.tostring,
			dispatch = function(session, source, text)
				got = { session, source, text }
				if session ~= 0 then skynet.ret(text .. "!") end
			end,
		}
		equal(skynet.call(skynet.self(), "upper", "abc"), "ABC!")
		assert(got[1] > 0)
		equal(got[2], skynet.self())
		equal(skynet.send(skynet.self(), 100, "by id"), 0)
		tap.until_true("the send", function() return got[3] == "BY ID" end)
		equal(got[1], 0)
		skynet.register_protocol {
			name = "pointer", id = 101,
			pack = function(...) return skynet.pack("p", ...) end,
			unpack = skynet.unpack,
			dispatch = function(_, _, ...) skynet.ret(skynet.pack("q", ...)) end,
		}
		equal(table.concat({ skynet.call(skynet.self(), "pointer", 1) }, ","), "q,p,1")
	end },
	{ "the stock pack may go with an unpack of one's own, and the other way round", function()
		local function dispatch(_, _, ...) skynet.ret(skynet.pack("got", ...)) end
		skynet.register_protocol { name = "stock both", id = 120, pack = skynet.pack,
			unpack = skynet.unpack,
			dispatch = dispatch }
		skynet.register_protocol { name = "stock pack", id = 121, pack = skynet.pack,
			unpack = function(msg, size) return "mine", skynet.unpack(msg, size) end,
				dispatch = dispatch }
		skynet.register_protocol { name = "stock unpack", id = 122, unpack = skynet.unpack,
			pack = function(...) return skynet.pack("mine", ...) end,
				dispatch = dispatch }
		local function call(name) return table.concat({ skynet.call(skynet.self(), name, 1,
			2) }, ",") end
		equal(call "stock both", "got,1,2")
		equal(call "stock pack", "mine,got,mine,1,2")
		equal(call "stock unpack", "got,mine,1,2")
	end },
	{ "names and ids are unique, ids are bytes", function()
		raises("", skynet.register_protocol, { name = "upper", id = 102 })
		raises("", skynet.register_protocol, { name = "other", id = 100 })
		raises("", skynet.register_protocol, { name = "other", id = 10 })
		raises("", skynet.register_protocol, { name = "other", id = 256 })
		raises("", skynet.register_protocol, { name = "other", id = -1 })
		raises("", skynet.register_protocol, { name = 5 })
		raises("", skynet.register_protocol, { id = 103 })
		skynet.register_protocol { name = "other", id = 255 }
	end },
	{ "dispatch gives the previous function", function()
		local function a() end
		local function b() end
		equal(skynet.dispatch "other", nil)
		equal(skynet.dispatch("other", a), nil)
		equal(skynet.dispatch("other", b), a)
		equal(skynet.dispatch "other", b)
		equal(skynet.dispatch(255), b)
		equal(skynet.dispatch "unknown", nil)
		raises("", skynet.dispatch, "unknown", a)
	end },
	{ "a type that is not registered cannot be sent", function()
		raises("", skynet.send, skynet.self(), "unknown", 1)
		raises("", skynet.call, skynet.self(), "unknown", 1)
		raises("", skynet.send, skynet.self(), nil, 1)
	end },
	{ "the session of a multicast is no request: an error in its handler ends no call of that "
		.. "number", function()
		local caster, slow = skynet.newservice "callee", skynet.newservice "callee"
		local session, ok
		skynet.call(caster, "lua", "eval", [[
			local skynet = require "skynet"
			skynet.register_protocol {
				name = "multicast", id = 2, unpack = skynet.tostring,
				dispatch = function() error "in the handler" end,
			}
		]])
		skynet.register_protocol { name = "multicast", id = 2, unpack = skynet.tostring }
		skynet.fork(function()
			session = skynet.genid() + 1 -- the call's
			ok = pcall(skynet.call, slow, "lua", "keep")
		end)
		tap.until_true("the call", function() return session end)
		skynet.redirect(caster, skynet.self(), "multicast", session, "news")
		equal(skynet.call(caster, "lua", "echo", "behind it"), "behind it")
		equal(ok, nil)
		skynet.call(slow, "lua", "settle", true, "fine")
		tap.until_true("its end", function() return ok ~= nil end)
		equal(ok, true)
	end },
	{ "text reaches who registered it", function()
		local got
		skynet.register_protocol {
			name = "text", id = skynet.PTYPE_TEXT,
			pack = function(text) return text end,
			unpack = skynet.tostring,
			dispatch = function(_, _, text) got = text end,
		}
		skynet.send(skynet.self(), "text", "plain")
		tap.until_true("the text", function() return got end)
		equal(got, "plain")
		got = nil
		skynet.send(skynet.self(), "text", "")
		tap.until_true("the empty text", function() return got end)
		equal(got, "")
	end },
	{ "an error in pack reaches the sender, in unpack the caller", function()
		skynet.register_protocol {
			name = "broken", id = 110,
			pack = function(what) return what and error "cannot pack" or "x" end,
			unpack = function() error "cannot unpack" end,
			dispatch = function() skynet.ret() end,
		}
		raises("cannot pack", skynet.send, skynet.self(), "broken", true)
		raises("call failed", skynet.call, skynet.self(), "broken")
	end },
	{ "the answer is unpacked by the protocol of the question", function()
		skynet.register_protocol {
			name = "count", id = 111,
			pack = function() return "" end,
			unpack = function(_, size) return size end,
			dispatch = function(_, _, size) skynet.ret(("x"):rep(7 + size)) end,
		}
		equal(skynet.call(skynet.self(), "count"), 7)
	end },
	{ "_proto shows them", function()
		equal(skynet._proto.count.id, 111)
		equal(skynet._proto[111].name, "count")
		equal(type(skynet._proto.count.dispatch), "function")
		equal(skynet._proto.nobody, nil)
	end },
}
