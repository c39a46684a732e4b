-- SPDX-License-Identifier: MIT
-- sproto's protocols and calls: queryproto, request_*, response_*, host, attach, dispatch.
local sproto = require "sproto"
local core = require "sproto.core"
local stm = require "skynet.stm"
local hex = require "hex"
local tap = require "tap"
local equal, raises = tap.equal, tap.raises

local text = [[
.package { type 0 : integer  session 1 : integer  ud 2 : integer }
.other { type 0 : integer  session 5 : integer }
foo 1 {
	request { a 0 : integer }
	response { ok 0 : boolean  text 1 : string }
}
bare 2 {}
confirmed 3 { request { a 0 : integer }  response nil }
ask 4 { response { n 0 : integer } }
tell 5 { request { s 0 : string } }
]]
local sp = sproto.parse(text)

-- A client and a server that share nothing.
local function both_ends(package)
	local server, client = sproto.parse(text):host(package), sproto.parse(text):host(package)
	return server, client, client:attach(sproto.parse(text))
end

tap.run {
	{ "what a protocol is", function()
		local p = sp:queryproto "foo"
		equal(p.name, "foo")
		equal(p.tag, 1)
		equal(p.request, core.querytype(sp.__cobj, "foo.request"))
		equal(p.response, core.querytype(sp.__cobj, "foo.response"))
		equal(sp:queryproto(1), p)
		p = sp:queryproto(3)
		equal(p.name, "confirmed")
		equal(type(p.response), "userdata")
		equal(select("#", core.decode(p.response, "\0\0")), 0)
		p = sp:queryproto "bare"
		equal(p.request, nil)
		equal(p.response, nil)
		for _, key in ipairs { "nope", 99, -1, 70000, 1.5 } do
			raises(tostring(key) .. " not found", sp.queryproto, sp, key)
			equal(sp:exist_proto(key), false)
		end
		equal(sp:exist_proto "foo", true)
		equal(sp:exist_proto(5), true)
		equal(select("#", core.protocol(sp.__cobj, "nope")), 0)
	end },
	{ "bodies by protocol", function()
		local bytes, tag = sp:request_encode("foo", { a = 1 })
		equal(hex.of(bytes), "01000400")
		equal(tag, 1)
		local t, used, name = sp:request_decode(1, bytes)
		equal(t.a, 1)
		equal(used, 4)
		equal(name, "foo")
		bytes, tag = sp:request_encode "ask"
		equal(bytes, "")
		equal(tag, 4)
		t, name = sp:request_decode("ask", "")
		equal(t, nil)
		equal(name, "ask")
		bytes = sp:response_encode("foo", { ok = true })
		equal(hex.of(bytes), "01000400")
		t, used = sp:response_decode("foo", bytes)
		equal(t.ok, true)
		equal(used, 4)
		equal(sp:response_encode("tell", nil), "")
		equal(select("#", sp:response_decode("tell", "")), 0)
		equal(select("#", sp:response_decode("confirmed", "")), 0)
		raises("nope not found", sp.request_encode, sp, "nope", {})
		raises("nope not found", sp.response_decode, sp, "nope", "")
	end },
	{ "default values of a protocol", function()
		equal(sp:default("foo", "REQUEST").a, 0)
		equal(sp:default("foo", "RESPONSE").text, "")
		equal(select("#", sp:default("tell", "RESPONSE")), 0)
		raises("Invalid type", sp.default, sp, "foo", "ANSWER")
		raises("nope not found", sp.default, sp, "nope", "REQUEST")
	end },
	{ "the bytes of a request", function()
		local bytes = sp:host():attach(sp)("foo", { a = 1 }, 99, 7)
		equal(hex.of(sproto.unpack(bytes)),
			"0300" .. "0400" .. "c800" .. "1000" .. "0100" .. "0400" .. "00000000")
	end },
	{ "a call and its answer", function()
		local server, client, request = both_ends()
		local kind, name, args, respond,
			ud = server:dispatch(request("foo", { a = 5 }, 77, 12))
		equal(kind, "REQUEST")
		equal(name, "foo")
		equal(args.a, 5)
		equal(ud, 12)
		local session, result
		kind, session, result, ud = client:dispatch(respond({ ok = true, text = "yes" }, 3))
		equal(kind, "RESPONSE")
		equal(session, 77)
		equal(result.ok, true)
		equal(result.text, "yes")
		equal(ud, 3)
		-- once only
		raises("Unknown session", client.dispatch, client, respond { ok = true })
	end },
	{ "without a session nobody answers", function()
		local server, _, request = both_ends()
		local kind, name, args, respond, ud = server:dispatch(request("tell", { s = "x" }))
		equal(kind, "REQUEST")
		equal(name, "tell")
		equal(args.s, "x")
		equal(respond, nil)
		equal(ud, nil)
	end },
	{ "without a request, without a response, response nil", function()
		local server, client, request = both_ends()
		local _, name, args, respond = server:dispatch(request("ask", nil, 1))
		equal(name, "ask")
		equal(args, nil)
		equal(select(3, client:dispatch(respond { n = 4 })).n, 4)
		for i, what in ipairs { "bare", "tell", "confirmed" } do
			_, name, args, respond = server:dispatch(request(what,
				what ~= "bare" and {} or nil, i))
			equal(name, what)
			equal(type(args), what == "bare" and "nil" or "table")
			raises("nil expected", respond, {})
			local bytes = respond()
			equal(hex.of(sproto.unpack(bytes)),
				hex.of(("<I2I2I2I2"):pack(2, 1, (i + 1) * 2, 0)))
			local kind, session, result = client:dispatch(bytes)
			equal(kind, "RESPONSE")
			equal(session, i)
			equal(result, nil)
		end
	end },
	{ "a header of one's own, from a pointer", function()
		local server, client, request = both_ends "other"
		stm.newcopy(stm.copy(stm.new(request("foo", { a = 3 }, 9,
			"ud is no field of it"))))(function(p, size)
			local _, name, args, respond = server:dispatch(p, size)
			equal(name, "foo")
			equal(args.a, 3)
			equal(select(2, client:dispatch(respond {})), 9)
		end)
		raises("type nope not found", sp.host, sp, "nope")
		raises("type package not found", function() sproto.parse(".A {}"):host() end)
	end },
	{ "messages that are nonsense", function()
		local server, client, request = both_ends()
		local function send(t, body)
			return sproto.pack(sp:encode("package", t) .. (body or ""))
		end
		raises("session not found", client.dispatch, client, send {})
		raises("Unknown session", client.dispatch, client, send { session = 5 })
		raises("66 not found", server.dispatch, server, send { type = 66 })
		raises("-1 not found", server.dispatch, server, send { type = -1 })
		raises("decode error", server.dispatch, server, "")
		raises("decode error", server.dispatch, server, sproto.pack "\xff\xff")
		raises("Invalid unpack stream", server.dispatch, server, "\xff")
		-- packing fills up with zeros, which are an empty body; these are no body at all
		raises("decode error", server.dispatch, server,
			send({ type = 1, session = 1 }, "\xff\xff"))
		request("foo", {}, 8)
		raises("decode error", client.dispatch, client,
			send({ session = 8 }, "\xff\xff\xff"))
		raises("nope not found", request, "nope", {}, 1)
		raises("foo.request.a[0] is not an integer (Is a string)", request, "foo",
			{ a = "x" }, 1)
	end },
	{ "many calls that are answered in another order", function()
		local server, client, request = both_ends()
		local responds = {}
		for session = 1, 200 do
			local _, _, args, respond = server:dispatch(request("foo", { a = session },
				session))
			responds[session] = function()
				return respond { text = tostring(args.a) }
			end
		end
		for session = 200, 1, -1 do
			local _, got, result = client:dispatch(responds[session]())
			equal(got, session)
			equal(result.text, tostring(session))
		end
		equal(next(client.__sessions), nil)
	end },
}
