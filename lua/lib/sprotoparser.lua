-- SPDX-License-Identifier: MIT
-- sprotoparser: a schema text becomes a bundle. Three steps: read the text into types and
-- protocols, resolve what they say about each other, write the bundle, which is itself a message.
local parser = {}

local BUILTIN = { integer = 0, boolean = 1, string = 2, binary = 2, double = 3 }
local TAG_MAX = 32766
local DECIMALS_MAX = 18

-- ---- reading: a cursor over the text ----

local reader = {}
reader.__index = reader

function reader:syntax_error()
	local _, breaks = self.text:sub(1, self.at - 1):gsub("\n", "")
	error(("syntax error at [%s] line (%d)"):format(self.name, breaks + 1), 0)
end

-- Skips blanks and comments; returns whether there was one.
function reader:blanks()
	local from = self.at
	local text, at = self.text, from
	while true do
		local behind = text:match("^[ \t\n]+()", at) or text:match("^\r\n()", at)
			or text:match("^#[^\n]*()", at)
		if not behind then
			break
		end
		at = behind
	end
	self.at = at
	return at > from
end

function reader:need_blanks()
	if not self:blanks() then
		self:syntax_error()
	end
end

-- What the anchored pattern captures here, or nil.
function reader:accept(pattern)
	local got, behind = self.text:match("^(" .. pattern .. ")()", self.at)
	if got then
		self.at = behind
	end
	return got
end

function reader:need(pattern)
	return self:accept(pattern) or self:syntax_error()
end

function reader:name_()
	return self:need "[%a_][%w_]*"
end

function reader:type_name()
	local name = self:name_()
	while self:accept "%." do
		name = name .. "." .. self:name_()
	end
	return name
end

function reader:tag(what)
	local digits = self:need "%d+"
	local tag = math.tointeger(tonumber(digits))
	if not tag or tag > TAG_MAX then
		error(("tag %s of %s is larger than %d"):format(digits, what, TAG_MAX), 0)
	end
	return tag
end

-- { item } with blanks between items; each(self) reads one.
function reader:items(closer, each)
	self:blanks()
	while not self:accept(closer) do
		each(self)
		if not self:blanks() then
			if not self:accept(closer) then
				self:syntax_error()
			end
			return
		end
	end
end

-- ---- types; a type is { name =, fields = { by order }, by_name =, by_tag = } ----

local read_type

local function read_field(r, t)
	local name = r:name_()
	r:need_blanks()
	local f = { name = name, tag = r:tag(("%s in type %s"):format(name, t.name)) }
	r:blanks()
	r:need ":"
	r:blanks()
	f.array = r:accept "%*" ~= nil
	f.type_name = r:type_name()
	if r:accept "%(" then
		r:blanks()
		local digits = r:accept "%d+"
		if digits then
			f.decimals = digits
		else
			f.key = r:accept "[%a_][%w_]*" or ""
		end
		r:blanks()
		r:need "%)"
	end
	if t.by_name[name] then
		error(("redefine %s in type %s"):format(name, t.name), 0)
	end
	if t.by_tag[f.tag] then
		error(("redefine tag %d in type %s"):format(f.tag, t.name), 0)
	end
	t.by_name[name], t.by_tag[f.tag] = f, f
	t.fields[#t.fields + 1] = f
end

local function read_struct(r, schema, full_name)
	local t = { name = full_name, fields = {}, by_name = {}, by_tag = {} }
	if schema.types[full_name] then
		error("redefined " .. full_name, 0)
	end
	schema.types[full_name] = t
	r:need "{"
	r:items("}", function()
		if r:accept "%." then
			read_type(r, schema, full_name .. ".")
		else
			read_field(r, t)
		end
	end)
end

-- Behind the dot.
function read_type(r, schema, prefix)
	local name = r:name_()
	r:blanks()
	read_struct(r, schema, prefix .. name)
end

-- ---- protocols ----

local function read_protocol(r, schema)
	local name = r:name_()
	r:need_blanks()
	local p = { name = name, tag = r:tag("protocol " .. name) }
	if schema.protocols[name] then
		error("redefined " .. name, 0)
	end
	if schema.by_tag[p.tag] then
		error(("redefined protocol tag %d at %s"):format(p.tag, name), 0)
	end
	schema.protocols[name], schema.by_tag[p.tag] = p, p
	r:blanks()
	r:need "{"
	r:items("}", function()
		local from = r.at
		local what = r:name_()
		if what ~= "request" and what ~= "response" then
			r.at = from
			r:syntax_error()
		end
		r:need_blanks()
		if p[what] then
			error(("redefine %s in protocol %s"):format(what, name), 0)
		end
		if r.text:find("^{", r.at) then
			p[what] = name .. "." .. what
			read_struct(r, schema, p[what])
		else
			p[what] = r:type_name()
		end
	end)
end

local function read(text, name)
	local r = setmetatable({ text = text, name = name, at = 1 }, reader)
	local schema = { types = {}, protocols = {}, by_tag = {} }
	r:blanks()
	while r.at <= #text do
		if r:accept "%." then
			read_type(r, schema, "")
		else
			read_protocol(r, schema)
		end
		if not r:blanks() and r.at <= #text then
			r:syntax_error()
		end
	end
	return schema
end

-- ---- resolving ----

-- A type's name as it is meant inside the type `scope`: its own types, those around it, then all.
local function find_type(schema, scope, name)
	while scope do
		local t = schema.types[scope .. "." .. name]
		if t then
			return t
		end
		scope = scope:match "^(.*)%.[^.]*$"
	end
	return schema.types[name]
end

local function resolve_map(f, sub)
	if f.key == "" then
		if #sub.fields ~= 2 then
			error(("Invalid map definition: %s, must only have two fields")
				:format(f.name), 0)
		end
		f.map = true
		f.key_tag = math.min(sub.fields[1].tag, sub.fields[2].tag)
		return
	end
	local key = sub.by_name[f.key]
	if not key or not BUILTIN[key.type_name] then
		error("Invalid map index :" .. f.key, 0)
	end
	f.key_tag = key.tag
end

local function resolve_field(schema, t, f)
	f.builtin = BUILTIN[f.type_name]
	if f.decimals then
		local n = tonumber(f.decimals)
		if f.type_name ~= "integer" or n > DECIMALS_MAX then
			error(("Invalid decimals (%s) of %s in type %s")
				:format(f.decimals, f.name, t.name), 0)
		end
		f.extra = math.tointeger(n)
	elseif f.type_name == "binary" then
		f.extra = 1
	end
	if f.builtin then
		if f.key then
			error("Invalid map index :" .. f.key, 0)
		end
		return
	end
	local sub = find_type(schema, t.name, f.type_name)
	if not sub then
		error(("Undefined type %s in type %s"):format(f.type_name, t.name), 0)
	end
	f.extra = sub.index
	if f.array and f.key then
		resolve_map(f, sub)
	end
end

local function sorted(map, key)
	local list = {}
	for _, item in pairs(map) do
		list[#list + 1] = item
	end
	table.sort(list, function(a, b) return a[key] < b[key] end)
	return list
end

local function resolve_message(schema, p, what)
	local name = p[what]
	if not name or name == "nil" then
		p.confirm = p.confirm or (what == "response" and name == "nil")
		return nil
	end
	local t = schema.types[name]
	if not t then
		error(("Undefined %s type %s in protocol %s"):format(what, name, p.name), 0)
	end
	return t.index
end

-- Returns the types by name and the protocols by tag.
local function resolve(schema)
	local types, protocols = sorted(schema.types, "name"), sorted(schema.protocols, "tag")
	if #types > TAG_MAX + 1 then
		error(("more than %d types"):format(TAG_MAX + 1), 0)
	end
	for i, t in ipairs(types) do
		t.index = i - 1
		table.sort(t.fields, function(a, b) return a.tag < b.tag end)
	end
	for _, t in ipairs(types) do
		for _, f in ipairs(t.fields) do
			resolve_field(schema, t, f)
		end
	end
	for _, p in ipairs(protocols) do
		p.request_index = resolve_message(schema, p, "request")
		p.response_index = resolve_message(schema, p, "response")
	end
	if #types == 0 and #protocols > 0 then
		error("a schema with protocols needs a type", 0)
	end
	return types, protocols
end

-- ---- writing: a message of values by position ----
-- false: absent; a string: a block; a number: what is inline

local function message(...)
	local n = select("#", ...)
	while n > 0 and not select(n, ...) do
		n = n - 1
	end
	local head, data = { ("<I2"):pack(n) }, {}
	for i = 1, n do
		local v = select(i, ...)
		if not v then
			head[#head + 1] = "\1\0"
		elseif type(v) == "string" then
			head[#head + 1] = "\0\0"
			data[#data + 1] = ("<s4"):pack(v)
		else
			head[#head + 1] = ("<I2"):pack((v + 1) * 2)
		end
	end
	return table.concat(head) .. table.concat(data)
end

-- A block of messages; false: none.
local function messages(list, write)
	local blocks = {}
	for i, item in ipairs(list) do
		blocks[i] = ("<s4"):pack(write(item))
	end
	return #blocks > 0 and table.concat(blocks)
end

local function write_field(f)
	return message(f.name, f.builtin or false, f.extra or false, f.tag, f.array and 1,
		f.key_tag or false, f.map and 1)
end

local function write_type(t)
	return message(t.name, messages(t.fields, write_field))
end

local function write_protocol(p)
	return message(p.name, p.tag, p.request_index or false, p.response_index or false,
		p.confirm and 1)
end

-- parse(text[, name]) -> bundle. Raises for what is wrong with the text; `name` is told in syntax
-- errors.
function parser.parse(text, name)
	assert(type(text) == "string", "a schema is a string")
	local ok, why, protocols = pcall(function() return resolve(read(text, name or "=text")) end)
	if not ok then
		error(why, 2)
	end
	return message(messages(why, write_type), messages(protocols, write_protocol))
end

-- dump(s): prints the bytes, 16 a line.
function parser.dump(s)
	for from = 1, #s, 16 do
		local line = s:sub(from, from + 15)
		local hex = line:gsub(".", function(c) return ("%02X "):format(c:byte()) end)
		print((hex:sub(1, -2)))
	end
end

return parser
