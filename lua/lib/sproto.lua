-- SPDX-License-Identifier: MIT
-- sproto: messages of declared types, and calls over any byte stream with them. Nothing here
-- yields.
local core = require "sproto.core"

local sproto = {}

local object = {}
local owner = { __index = object, __gc = function(self) core.deleteproto(self.__cobj) end }
local borrower = { __index = object }
local host = {}
local host_meta = { __index = host }

local function new_object(schema, meta)
	return setmetatable({ __cobj = schema, __types = {}, __protocols = {} }, meta)
end

-- new(bundle) -> object, which owns the schema. Raises for an invalid bundle.
function sproto.new(bundle)
	local schema = core.newproto(bundle)
	if not schema then
		error("invalid sproto bundle", 2)
	end
	return new_object(schema, owner)
end

-- parse(text) -> object
function sproto.parse(text)
	return sproto.new(require "sprotoparser".parse(text))
end

-- sharenew(schema) -> object over a schema that lives elsewhere
function sproto.sharenew(schema)
	return new_object(schema, borrower)
end

sproto.pack = core.pack
sproto.unpack = core.unpack

-- ---- types ----

local function query_type(self, name)
	local t = self.__types[name]
	if not t then
		t = core.querytype(self.__cobj, name)
		if not t then
			error("type not found", 3)
		end
		self.__types[name] = t
	end
	return t
end

function object:exist_type(name)
	return core.querytype(self.__cobj, name) ~= nil
end

-- encode(type, table) -> string
function object:encode(name, t)
	return core.encode(query_type(self, name), t)
end

-- decode(type, string | pointer, size[, table]) -> table, bytes used
function object:decode(name, ...)
	return core.decode(query_type(self, name), ...)
end

-- The same, packed.
function object:pencode(name, t)
	return core.pack(core.encode(query_type(self, name), t))
end

-- core.decode takes a table only as its last argument, and unpack returns one value.
local function decode_packed(t, ...)
	local bytes = core.unpack(...)
	local into = select(-1, ...)
	if type(into) == "table" then
		return core.decode(t, bytes, into)
	end
	return core.decode(t, bytes)
end

function object:pdecode(name, ...)
	return decode_packed(query_type(self, name), ...)
end

-- ---- protocols ----

local function query_protocol(self, key, level)
	local p = self.__protocols[key]
	if p then
		return p
	end
	local other, request, response = core.protocol(self.__cobj, key)
	if not other then
		error(tostring(key) .. " not found", level)
	end
	p = { request = request, response = response }
	if type(key) == "number" then
		p.name, p.tag = other, key
	else
		p.name, p.tag = key, other
	end
	self.__protocols[p.name], self.__protocols[p.tag] = p, p
	return p
end

function object:exist_proto(key)
	return core.protocol(self.__cobj, key) ~= nil
end

-- queryproto(name or tag) -> { name =, tag =, request =, response = }: types, or nil; response NULL
-- for "response nil"
function object:queryproto(key)
	return query_protocol(self, key, 3)
end

-- request_encode(protocol, table) -> string, tag
function object:request_encode(key, t)
	local p = query_protocol(self, key, 3)
	return p.request and core.encode(p.request, t) or "", p.tag
end

-- response_encode(protocol, table) -> string, "" without a response
function object:response_encode(key, t)
	local p = query_protocol(self, key, 3)
	return p.response and core.encode(p.response, t) or ""
end

-- request_decode(protocol, string | pointer, size[, table]) -> table, bytes used, name; or nil,
-- name without a request
function object:request_decode(key, ...)
	local p = query_protocol(self, key, 3)
	if not p.request then
		return nil, p.name
	end
	local t, used = core.decode(p.request, ...)
	return t, used, p.name
end

-- response_decode(protocol, string | pointer, size[, table]) -> table, bytes used; nothing without
-- a response
function object:response_decode(key, ...)
	return core.decode(query_protocol(self, key, 3).response, ...)
end

-- default(type), default(protocol, "REQUEST" | "RESPONSE") -> table with a value for every field
function object:default(name, which)
	if not which then
		return core.default(query_type(self, name))
	end
	local p = query_protocol(self, name, 3)
	if which == "REQUEST" then
		return core.default(p.request)
	elseif which == "RESPONSE" then
		return core.default(p.response)
	end
	error("Invalid type", 2)
end

-- ---- calls ----

-- host([package = "package"]): the receiving end of calls; its type `package` is the header of
-- messages.
function object:host(package)
	package = package or "package"
	local header = core.querytype(self.__cobj, package)
	if not header then
		error(("type %s not found"):format(package), 2)
	end
	return setmetatable({ __proto = self, __package = header, __sessions = {} }, host_meta)
end

-- What a request is answered with: a function(args[, ud]) -> packed response.
local function responder(header_type, response, session)
	return function(args, ud)
		local body = core.encode(response, args)
		return core.pack(core.encode(header_type, { session = session, ud = ud }) .. body)
	end
end

-- attach(object) -> function(protocol, args[, session[, ud]]) -> packed request of that object's
-- schema. The host remembers the session for the response.
function host:attach(other)
	return function(key, args, session, ud)
		local p = query_protocol(other, key, 3)
		local body = p.request and core.encode(p.request, args) or ""
		local bytes = core.encode(self.__package,
			{ type = p.tag, session = session, ud = ud }) .. body
		if session then
			self.__sessions[session] = p.response or true
		end
		return core.pack(bytes)
	end
end

-- dispatch(string | pointer, size) -> "REQUEST", name, args or nil, responder or nil, ud;
-- or "RESPONSE", session, result or nil, ud. Raises for bytes that are neither.
function host:dispatch(...)
	local bytes = core.unpack(...)
	local header, used = core.decode(self.__package, bytes)
	local body = bytes:sub(used + 1)
	local session = header.session
	if header.type then
		local p = query_protocol(self.__proto, header.type, 3)
		local args = p.request and core.decode(p.request, body)
		local respond = session and responder(self.__package, p.response, session)
		return "REQUEST", p.name, args, respond, header.ud
	end
	if not session then
		error("session not found", 2)
	end
	local response = self.__sessions[session]
	if not response then
		error("Unknown session", 2)
	end
	self.__sessions[session] = nil
	local result
	if response ~= true then
		result = core.decode(response, body)
	end
	return "RESPONSE", session, result, header.ud
end

return sproto
