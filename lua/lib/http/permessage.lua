-- SPDX-License-Identifier: MIT
--
-- http.permessage: the extension permessage-deflate of WebSocket (RFC 7692): what a handshake
-- offers and agrees on, and the two streams of a connection. http.websocket is who uses it; the
-- streams are those of http.deflate, which is loaded when the first connection compresses.
local permessage = {}

local NAME <const> = "permessage-deflate"
local WIDEST <const> = 15
local DEFAULTS <const> = {
	takeover = true, -- a message is compressed by means of those before it
	window = 12,     -- 2^window bytes of them
	level = 6,
	memory = 5,      -- 2^(memory + 9) bytes to find them with
	least = 32,      -- bytes of a message that is worth it
}
local RANGES <const> = { window = { 8, WIDEST }, level = { 1, 9 }, memory = { 1, 9 },
	least = { 0, math.maxinteger } }

-- ---- options ----

local function check_option(name, value)
	local range = RANGES[name]
	if range then
		if math.type(value) ~= "integer" or value < range[1] or value > range[2] then
			error(("deflate.%s is an integer from %d to %d, not %s"):format(name,
				range[1], range[2], tostring(value)), 4)
		end
	elseif name ~= "takeover" then
		error(("deflate has no option %s"):format(tostring(name)), 4)
	elseif type(value) ~= "boolean" then
		error(("deflate.takeover is a boolean, not %s"):format(tostring(value)), 4)
	end
end

-- settings(option) -> table of all settings; nil: no compression. Raises on what is no option.
function permessage.settings(option)
	if not option then
		return nil
	elseif option == true then
		return DEFAULTS
	elseif type(option) ~= "table" then
		error(("deflate is a boolean or a table, not %s"):format(tostring(option)), 3)
	end
	local set = {}
	for name, value in pairs(DEFAULTS) do
		set[name] = value
	end
	for name, value in pairs(option) do
		check_option(name, value)
		set[name] = value
	end
	return set
end

-- ---- the header ----

local TOKEN <const> = "^[ \t]*([%w!#$%%&'*+.^_`|~-]+)[ \t]*()"

local function unquote(text)
	return (text:gsub("\\(.)", "%1"))
end

-- The value behind a "=", and where it ends.
local function parse_value(text, at)
	local value, behind = text:match(TOKEN, at)
	if value then
		return value, behind
	end
	local open = text:match('^[ \t]*"()', at)
	local from = open
	while open do
		local mark, found = text:match('^[^"\\]*(["\\])()', open)
		if mark == '"' then
			return unquote(text:sub(from, found - 2)), text:match("^[ \t]*()", found)
		end
		open = mark and found <= #text and found + 1
	end
end

-- The parameters from there on, and where they end; nil: they are none.
local function parse_parameters(text, at)
	local found = {}
	while text:sub(at, at) == ";" do
		local name, behind = text:match(TOKEN, at + 1)
		if not name then
			return nil
		end
		local value = true
		if text:sub(behind, behind) == "=" then
			value, behind = parse_value(text, behind + 1)
			if not value then
				return nil
			end
		end
		found[#found + 1] = { name, value }
		at = behind
	end
	return found, at
end

-- parse(text) -> array of { name =, parameters = { { name, value }, ... } }; a parameter without a
-- value has true. nil: the text is no Sec-WebSocket-Extensions.
function permessage.parse(text)
	local list, at = {}, 1
	while true do
		local name, behind = text:match(TOKEN, at)
		if not name then
			return nil
		end
		local parameters
		parameters, behind = parse_parameters(text, behind)
		if not parameters then
			return nil
		end
		list[#list + 1] = { name = name, parameters = parameters }
		if behind > #text then
			return list
		elseif text:sub(behind, behind) ~= "," then
			return nil
		end
		at = behind + 1
	end
end

-- ---- negotiation ----

-- The width of a window; nil: it is none.
local function width(value)
	if value ~= true and (value:find "^[89]$" or value:find "^1[0-5]$") then
		return math.tointeger(tonumber(value))
	end
end

local KNOWN <const> = { server_no_context_takeover = true, client_no_context_takeover = true,
	server_max_window_bits = true, client_max_window_bits = true }

-- The parameters as a map: those without a value to true, widths to integers; nil: one of them is
-- unknown, repeated, or has no value that it may have. bare: client_max_window_bits needs none.
local function understand(parameters, bare)
	local map = {}
	for i = 1, #parameters do
		local name, value = parameters[i][1], parameters[i][2]
		if not KNOWN[name] or map[name] then
			return nil
		elseif not name:find "_bits$" then
			map[name] = value == true or nil
		elseif bare and value == true and name == "client_max_window_bits" then
			map[name] = true
		else
			map[name] = width(value)
		end
		if not map[name] then
			return nil
		end
	end
	return map
end

local function words_of(map)
	local out = { NAME }
	for _, name in ipairs { "server_no_context_takeover", "client_no_context_takeover",
		"server_max_window_bits", "client_max_window_bits" } do
		local value = map[name]
		if value then
			out[#out + 1] = value == true and name or ("%s=%d"):format(name, value)
		end
	end
	return table.concat(out, "; ")
end

-- What a server answers to an offer.
local function answer_to(offer, set)
	local lasts = set.takeover
	local answer = {
		server_no_context_takeover = offer.server_no_context_takeover or not lasts or nil,
		client_no_context_takeover = offer.client_no_context_takeover or not lasts or nil,
	}
	local bits = math.min(set.window, offer.server_max_window_bits or WIDEST)
	if bits < WIDEST or offer.server_max_window_bits then
		answer.server_max_window_bits = bits
	end
	local theirs = offer.client_max_window_bits
	if theirs then
		answer.client_max_window_bits = math.min(set.window,
			theirs == true and WIDEST or theirs)
	end
	return answer
end

-- accept(text, set) -> map of what is agreed, and the text that says so, for a server; nil: none of
-- the offers can be taken.
function permessage.accept(text, set)
	for _, extension in ipairs(permessage.parse(text) or {}) do
		local offer = extension.name == NAME and understand(extension.parameters, true)
		if offer then
			local answer = answer_to(offer, set)
			return answer, words_of(answer)
		end
	end
end

local function offer_of(set)
	local lasts = set.takeover
	return {
		server_no_context_takeover = not lasts or nil,
		client_no_context_takeover = not lasts or nil,
		server_max_window_bits = set.window < WIDEST and set.window or nil,
		client_max_window_bits = set.window < WIDEST and set.window or true,
	}
end

-- offer(set) -> the text with which a client asks
function permessage.offer(set)
	return words_of(offer_of(set))
end

-- agreed(text, set) -> map of what the server's answer agrees on; nil: it answers something else
-- than was offered.
function permessage.agreed(text, set)
	local list, offer = permessage.parse(text), offer_of(set)
	if not list or #list ~= 1 or list[1].name ~= NAME then
		return nil
	end
	local map = understand(list[1].parameters)
	if not map
		or (offer.server_no_context_takeover and not map.server_no_context_takeover)
		or (offer.server_max_window_bits
			and (map.server_max_window_bits or WIDEST) > offer.server_max_window_bits)
		or (offer.client_max_window_bits ~= true
			and (map.client_max_window_bits or 0) > offer.client_max_window_bits) then
		return nil
	end
	map.client_max_window_bits = math.min(map.client_max_window_bits or WIDEST,
		set.window)
	-- Who promised it keeps to it, whether the answer repeats it or not.
	map.client_no_context_takeover = map.client_no_context_takeover
		or offer.client_no_context_takeover
	return map
end

-- ---- streams ----

-- Streams that begin anew with each message serve all connections of this Lua state.
local shared_deflaters, shared_inflater = {}, nil

local function new_deflater(bits, takeover, set)
	local deflate = require "http.deflate"
	if takeover then
		return deflate.deflater(bits, true, set.level, set.memory), true
	end
	local key = bits << 8 | set.level << 4 | set.memory
	local shared = shared_deflaters[key]
	if not shared then
		shared = deflate.deflater(bits, false, set.level, set.memory)
		shared_deflaters[key] = shared
	end
	return shared, false
end

local function new_inflater(bits, takeover)
	local deflate = require "http.deflate"
	if takeover then
		return deflate.inflater(bits, true), true
	end
	shared_inflater = shared_inflater or deflate.inflater(WIDEST, false)
	return shared_inflater, false
end

local streams = {}
streams.__index = streams

-- streams(agreed, set, server) -> the two streams of a connection. Each has its memory from the
-- first message on that it is used for.
function permessage.streams(agreed, set, server)
	local own, peer = "client", "server"
	if server then
		own, peer = peer, own
	end
	return setmetatable({
		set = set,
		bits_out = agreed[own .. "_max_window_bits"] or WIDEST,
		bits_in = agreed[peer .. "_max_window_bits"] or WIDEST,
		lasts_out = not agreed[own .. "_no_context_takeover"],
		lasts_in = not agreed[peer .. "_no_context_takeover"],
	}, streams)
end

-- The bytes of a message compressed; nil: it is better sent as it is.
function streams:pack(data)
	if #data < self.set.least then
		return nil
	end
	if not self.out then
		self.out, self.owns_out = new_deflater(self.bits_out, self.lasts_out, self.set)
	end
	local packed = self.out:deflate(data)
	-- Without takeover the peer need not see what did not shrink.
	return (self.lasts_out or #packed < #data) and packed or nil
end

-- The message; or nil, why, and the status to close with.
function streams:unpack(bytes, limit)
	if not self.into then
		self.into, self.owns_into = new_inflater(self.bits_in, self.lasts_in)
	end
	return self.into:inflate(bytes, limit)
end

function streams:close()
	if self.owns_out then
		self.out:close()
	end
	if self.owns_into then
		self.into:close()
	end
	self.out, self.into = nil, nil
end

return permessage
