-- SPDX-License-Identifier: MIT
-- bson beside others: libbson, if its package is there, reads what we write as we mean it, and
-- refuses what we refuse; the corpus of bsonspec.org, if BSON_CORPUS names the folder of its *.json
-- (bson-corpus/tests in the repository mongodb/specifications).
local bson = require "bson"
local hex = require "hex"
local help = require "bson_bytes"
local tap = require "tap"
local equal = tap.equal

local function run(command)
	return os.execute(command .. " 2>/dev/null") == true
end

local function read_file(name)
	local f <close> = assert(io.open(name, "rb"))
	return f:read "a"
end

local function write_file(name, text)
	local f <close> = assert(io.open(name, "wb"))
	f:write(text)
end

local folder = debug.getinfo(1, "S").source:match "^@(.*)/[^/]*$"
local corpus = os.getenv "BSON_CORPUS"

-- ---- libbson ----

local dir

-- What libbson says of documents, an array of { good, bytes }.
local function ask(documents)
	local parts = {}
	for i, raw in ipairs(documents) do
		parts[i] = string.pack("<s4", raw)
	end
	write_file(dir .. "/in", table.concat(parts))
	assert(run(("%s/peer <%s/in >%s/out"):format(dir, dir, dir)))
	local out, at, answers = read_file(dir .. "/out"), 1, {}
	while at <= #out do
		local answer
		answer, at = string.unpack("<s4", out, at)
		answers[#answers + 1] = { answer:byte() == 49, answer:sub(2) }
	end
	equal(#answers, #documents)
	return answers
end

-- Its JSON has no place for them.
local function has_dollar(t)
	for k, v in pairs(t) do
		if type(k) == "string" and k:sub(1, 1) == "$"
			or type(v) == "table" and has_dollar(v) then
			return true
		end
	end
end

local function random_table()
	local t
	repeat
		t = { a = help.random_value(3), b = help.random_value(3), c = help.random_value(3) }
	until not has_dollar(t)
	return t
end

local function change(raw)
	for _ = 1, math.random(3) do
		local at = math.random(5, #raw)
		raw = raw:sub(1, at - 1) .. string.char(math.random(0, 127)) .. raw:sub(at + 1)
	end
	return raw
end

-- Whether a key or a text is no UTF-8, which we can read.
local function has_wrong_text(t)
	for k, v in pairs(t) do
		if type(k) == "string" and not utf8.len(k)
			or type(v) == "string" and not utf8.len(v)
			or type(v) == "table" and has_wrong_text(v) then
			return true
		end
	end
end

-- Whether there may be an array with a key that is no UTF-8: libbson looks at these, we count.
local function has_free_keys(t, raw)
	for _, v in pairs(t) do
		if type(v) == "table" and (v[1] ~= nil or has_free_keys(v, raw)) then
			return raw:find "[\x80-\xff]" ~= nil
		end
	end
end

local beside_libbson = {
	{ "libbson reads what we write, and means the same", function()
		local documents = {}
		for i = 1, 3000 do
			documents[i] = tostring(bson.encode(random_table()))
		end
		for i, answer in ipairs(ask(documents)) do
			if not answer[1] or answer[2] ~= documents[i] then
				equal(hex.of(answer[2]), hex.of(documents[i]))
			end
		end
	end },
	{ "what libbson refuses, so do we, but for texts that are no UTF-8", function()
		local documents, good, bad = {}, 0, 0
		for i = 1, 8000 do
			documents[i] = change(tostring(bson.encode { a = help.random_value(2) }))
		end
		for i, answer in ipairs(ask(documents)) do
			local ok, t = pcall(help.decode, documents[i])
			if ok then
				assert(answer[1] or has_wrong_text(t)
					or has_free_keys(t, documents[i]), hex.of(documents[i]))
				good = good + 1
			else
				bad = bad + 1
			end
		end
		assert(good > 1000 and bad > 1000, good)
	end },
}

-- ---- the corpus ----

-- Whether a table that is read and written again has other bytes: integers choose their size, texts
-- may be values, and keys have no order.
local function is_free(raw, t)
	if next(t) ~= nil and next(t, (next(t))) ~= nil or raw:find "[\x12\x04]" then
		return true
	end
	local _, v = next(t)
	return type(v) == "table" and is_free("", v)
end

-- What we take although the corpus wants it refused: texts that are no UTF-8 can be read, but not
-- written, and programs can repair them.
local taken = {
	["string.json"] = true, ["symbol.json"] = true, ["code.json"] = true,
	["code_w_scope.json"] = true, ["dbpointer.json"] = true, ["regex.json"] = true,
}

local beside_corpus = {
	{ "the corpus: what is good is read, and written as it was", function()
		local n = 0
		bson.exactdate(true)
		for file in io.popen(("ls %s/*.json"):format(corpus)):lines() do
			local text = read_file(file)
			for kind, digits in text:gmatch '"(%a+)_bson"%s*:%s*"(%x*)"' do
				local raw = hex.bytes(digits)
				local ok, t = pcall(help.decode, raw)
				n = n + 1
				if not ok then
					assert(t:find "Invalid bson type : 6", file .. " " .. t)
				else
					local again = bson.encode(t)
					assert(help.same(again:decode(), t), file)
					if kind == "canonical" and not is_free(raw, t) then
						equal(hex.of(tostring(again)), hex.of(raw))
					end
				end
			end
		end
		bson.exactdate(false)
		assert(n > 600, n)
	end },
	{ "the corpus: what is bad is refused", function()
		local n, free = 0, 0
		for file in io.popen(("ls %s/*.json"):format(corpus)):lines() do
			for digits in read_file(file):gmatch '"bson"%s*:%s*"(%x*)"' do
				local ok = pcall(help.decode, hex.bytes(digits))
				n = n + 1
				if ok then
					free = free + 1
					assert(taken[file:match "[^/]*$"], file .. " " .. digits)
				end
			end
		end
		assert(n > 60, n)
		print("# " .. free .. " of " .. n .. " are texts that are no UTF-8")
	end },
}

local tests = {}

if run "pkg-config --exists libbson-1.0" and run "command -v cc >/dev/null" then
	table.insert(tests, { "libbson is compiled", function()
		local p <close> = assert(io.popen "mktemp -d")
		dir = p:read "l"
		assert(run(("cc -o %s/peer %s/bson_libbson.c $(pkg-config --cflags --libs "
			.. "libbson-1.0)"):format(dir, folder)))
	end })
	table.move(beside_libbson, 1, #beside_libbson, #tests + 1, tests)
	table.insert(tests, { "the folder is removed", function()
		assert(run("rm -r " .. dir))
	end })
else
	table.insert(tests, { "libbson # SKIP the package libbson-dev is not installed", print })
end
if corpus then
	table.move(beside_corpus, 1, #beside_corpus, #tests + 1, tests)
else
	table.insert(tests, { "the corpus # SKIP BSON_CORPUS names no folder", print })
end
tap.run(tests)
