-- SPDX-License-Identifier: MIT
-- skynet.db.pgsql.answer: what a PostgreSQL server says, as results.
--
-- An answer is read with a reader: whose it is, where it comes from, and the decoder of that
-- connection, which keeps what has come and nobody has taken. What breaks the protocol raises, and
-- so ends the connection.
local skynet = require "skynet"
local socket = require "skynet.socket"
local socket_error = require "skynet.socketchannel".error
local core = require "skynet.db.pgsql.core"

local unpack = string.unpack
local read, next_message, feed, fill = socket.read, core.next, core.feed, core.rows

local answer = {}

local LARGE <const> = 64 * 1024 -- bytes that are waited for together
local SETTINGS_MAX <const> = 256 -- of the server's settings, as many as are kept

-- Raised while an answer is read: the connection ends, the request raises the text.
local function refuse(fmt, ...)
	error("pgsql: " .. fmt:format(...), 0)
end

-- ---- what a server says beside its answers ----

-- The fields of an error or a notice, by what the protocol calls them with one letter.
local fields = {
	V = "severity", C = "code", M = "message", D = "detail", H = "hint", P = "position",
	W = "where", s = "schema", t = "table", c = "column", d = "datatype", n = "constraint",
}

function answer.report(body)
	local r = {}
	for letter, text in body:gmatch "(%a)([^\0]*)\0" do
		local name = fields[letter]
		if name then
			r[name] = text
		elseif letter == "S" and not r.severity then
			r.severity = text -- in the server's language, all there was before 9.6
		end
	end
	r.severity, r.code = r.severity or "ERROR", r.code or "XX000"
	r.message = r.message or "no message"
	return r
end

local function bad_result(body)
	local r = answer.report(body)
	r.badresult, r.err, r.sqlstate = true, r.message, r.code
	return r
end

local function call_back(f, ...)
	local ok, why = pcall(f, ...)
	if not ok then
		skynet.error("pgsql: a callback failed: " .. tostring(why))
	end
end

-- Messages that may come at any time.
local aside = {}

function aside.N(self, body)
	if self.on_notice then
		call_back(self.on_notice, answer.report(body))
	end
end

function aside.A(self, body)
	local ok, pid, channel, payload = pcall(unpack, ">I4zz", body)
	if not ok then
		refuse("the server sent a notification that is none")
	end
	self.notified(channel, payload, pid)
end

function aside.S(self, body)
	local name, value = body:match "^([^\0]+)\0([^\0]*)\0$"
	if not name then
		refuse("the server sent a setting that is none")
	elseif not self.settings[name] then
		self.setting_count = self.setting_count + 1
		if self.setting_count > SETTINGS_MAX then
			refuse("the server has more than %d settings", SETTINGS_MAX)
		end
	end
	self.settings[name] = value
end

-- ---- reading ----

-- More bytes of the answer, `need` at least.
local function more(sock, need)
	if sock.some then
		return sock:some()
	end
	return read(sock[1], need > LARGE and need or nil) or error(socket_error)
end

-- What one answer of at most so many bytes is read with. self: a client.
function answer.reader(self, sock, max)
	if sock.over then
		error(socket_error)
	end
	local decoder = sock.decoder or core.decoder()
	sock.decoder = decoder
	core.begin(decoder, max)
	return { client = self, sock = sock, decoder = decoder, max = max }
end

-- The next message that is part of the answer.
local function receive(r)
	while true do
		local kind, body = next_message(r.decoder)
		if not kind then
			feed(r.decoder, more(r.sock, body))
		elseif aside[kind] then
			aside[kind](r.client, body)
		else
			return kind, body
		end
	end
end

answer.receive = receive

-- Rows, as far as they are there; the next message behind them is any other one.
local function read_rows(r, result, names, kinds, compact)
	local d, n = r.decoder, 0
	while true do
		n = fill(d, result, n, names, kinds, compact)
		local kind, body = next_message(d)
		if not kind then
			feed(d, more(r.sock, body))
		elseif aside[kind] then
			aside[kind](r.client, body)
		else
			return kind, body
		end
	end
end

-- What COPY ... TO STDOUT sends, until all of it is there.
local function read_copy(r)
	local parts = {}
	while true do
		local kind, body = receive(r)
		if kind == "d" then
			parts[#parts + 1] = body
		elseif kind == "c" or kind == "E" then
			return table.concat(parts), kind, body
		else
			refuse("the server sent a message '%s' between the data of a copy", kind)
		end
	end
end

local function completed(body)
	local tag = body:match "^([^\0]*)\0$"
	if not tag then
		refuse("the server sent the end of a command that is none")
	end
	return { command = tag:gsub("[%s%d]+$", ""),
		affected_rows = math.tointeger(tag:match " (%d+)$") or 0 }
end

-- An error. One that ends the session is the last that this connection is read for.
local function failed(r, body)
	local bad = bad_result(body)
	if bad.severity == "FATAL" or bad.severity == "PANIC" then
		socket.shutdown(r.sock[1])
		r.sock.over = true
		bad.fatal = true
	end
	return bad
end

-- The server is ready, and says whether a transaction is open. When nobody else has asked anything,
-- it has nothing more to say: what follows would be taken for the answer to the next request.
local function ready(r, body)
	local client = r.client
	local link = client.channel.inner.link
	client.status = body
	while link and link.first == link.last do
		local kind, more_body = next_message(r.decoder)
		local bad = kind == "E" and failed(r, more_body)
		if not kind then
			break
		elseif bad and bad.fatal then
			skynet.error("pgsql: the server ends the session: " .. bad.message)
			break
		elseif not aside[kind] then
			refuse("the server sent a message '%s' that nobody asked for", kind)
		end
		aside[kind](client, more_body)
	end
end

local confirmations = { ["1"] = true, ["2"] = true, ["3"] = true, n = true }

-- All results of one request, up to the word that the server is ready. stmt: the prepared statement
-- whose rows these are.
function answer.results(r, compact, stmt)
	local results, n, bad, data = {}, 0, nil, nil
	local names, kinds, rows
	if stmt then
		names, kinds = stmt.names, stmt.kinds
		rows = names and {}
	end
	while true do
		local kind, body
		if rows then
			kind, body = read_rows(r, rows, names, kinds, compact)
		else
			kind, body = receive(r)
		end
		if kind == "C" then
			n = n + 1
			results[n] = rows or completed(body)
			results[n].data, data = data, nil
			rows = nil
		elseif kind == "T" and not rows and not bad then
			names, kinds = core.columns(body)
			rows = {}
		elseif kind == "E" then
			bad, rows = bad or failed(r, body), nil
			if bad.fatal then
				break
			end
		elseif kind == "I" then
			n = n + 1
			results[n] = { command = "", affected_rows = 0 }
		elseif kind == "H" then
			data, kind, body = read_copy(r)
			if kind == "E" then
				bad = bad or failed(r, body)
			end
		elseif kind == "G" or kind == "W" then
			refuse "COPY ... FROM STDIN is not possible here: insert rows"
		elseif kind == "Z" and not rows then
			ready(r, body)
			break
		elseif not confirmations[kind] then
			refuse("the server sent a message '%s' where none belongs", kind)
		end
	end
	if n == 0 or n == 1 and not bad then
		return bad or results[1] or { command = "", affected_rows = 0 }
	end
	results.multiresultset = true
	for k, v in pairs(bad or {}) do
		results[k] = v
	end
	return results
end

-- ---- prepared statements ----

function answer.prepared(r)
	local stmt, bad = { params = {}, fields = {} }, nil
	while true do
		local kind, body = receive(r)
		if kind == "t" then
			local n, at = unpack(">I2", body .. "\0\0")
			if #body ~= 2 + 4 * n then
				refuse("the server sent parameters that are none")
			end
			for i = 1, n do
				stmt.params[i], at = unpack(">I4", body, at)
			end
		elseif kind == "T" then
			stmt.names, stmt.kinds, stmt.fields = core.columns(body)
		elseif kind == "E" then
			bad = bad or failed(r, body)
			if bad.fatal then
				return bad
			end
		elseif kind == "Z" then
			ready(r, body)
			stmt.param_count, stmt.field_count = #stmt.params, #stmt.fields
			return bad or stmt
		elseif not confirmations[kind] then
			refuse("the server sent a message '%s' where none belongs", kind)
		end
	end
end

-- ---- notifications ----

-- The next notification: payload, channel, the server's process. The confirmations of what was
-- asked are none. nil and an error instead; one that ends the session is a lost connection.
function answer.event(r)
	local event
	r.client.notified = function(channel, payload, pid)
		event = { payload, channel, pid }
	end
	while not event do
		core.begin(r.decoder, r.max)
		local kind, body = next_message(r.decoder)
		if not kind then
			feed(r.decoder, more(r.sock, body))
		elseif aside[kind] then
			aside[kind](r.client, body)
		elseif kind == "E" then
			local bad = failed(r, body)
			return nil, bad.fatal and error(socket_error) or bad
		elseif kind ~= "C" and kind ~= "Z" then
			refuse("the server sent a message '%s' where none belongs", kind)
		end
	end
	return event
end

return answer
