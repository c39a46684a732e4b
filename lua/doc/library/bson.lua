---@meta bson
-- Made by lua/doc/generate.py out of lua/doc/ref/bson.ref: edit it there.

---The documents of MongoDB: BSON 1.1 (bsonspec.org). A *document* is a value of its own that holds its
---bytes: `#document` is how many, `tostring(document)` the bytes themselves, and a document stands in
---another like a table.
---
---
---
---A table is an array when its metatable has `__len` (of that length), or when it has neither `__len`
---nor `__pairs` and begins with the index 1; anything else is a document, an empty table too, with its
---keys in the order of `pairs`. Integers are int32, or int64 when they do not fit; floats are doubles.
---What Lua has no type for is a string: a zero byte, a byte with the type, and what the type needs.
---The functions below make such values, `bson.type` takes them apart, and they can be compared with
---`==`. So a text **from outside** that begins with a zero byte may be read as such a value: refuse it
---before it gets into a document or a query.
---
---| BSON | in Lua | what `bson.type` returns |
---| --- | --- | --- |
---| double, int32, int64 | number | `"number"`, value; of `bson.int64(n)` `"int64"`, n |
---| string, boolean | string, boolean | `"string"` or `"boolean"`, value |
---| document, array | table | `"table"`, value |
---| null | `bson.null` | `"nil"` |
---| binary | `bson.binary(bytes)` | `"binary"`, bytes, subtype |
---| object id | `bson.objectid()` | `"objectid"`, 24 hexadecimal digits |
---| date | `bson.date(seconds)` | `"date"`, seconds |
---| timestamp | `bson.timestamp(seconds)` | `"timestamp"`, seconds, inc |
---| regular expression | `bson.regex(pattern)` | `"regex"`, pattern, options |
---| min key, max key | `bson.minkey`, `bson.maxkey` | `"minkey"`, `"maxkey"` |
---| decimal128 | the bytes behind `"\0\19"` | `"decimal128"`, 16 bytes |
---| pointer, code, symbol, code with scope | the bytes behind their type | `"unsupported"`, bytes |
---
---Documents may stand 128 deep in one another.
---@class bson
---@field null string
---@field minkey string
---@field maxkey string
local bson = {}

---Makes a document of a table.
---
---* Raises `Bson array has a hole (nil), Use bson.null instead`
---* Raises `Bson dictionary's key can't be number`
---* Raises `Invalid key type : TYPE`
---* Raises `Invalid value type : TYPE (key 'KEY')`
---* Raises `Invalid utf8 string (key 'KEY')`: texts are UTF-8, other bytes `bson.binary`
---* Raises `Invalid bson type : N (key 'KEY')` for a text that begins with a zero byte and N
---* Raises `Invalid bson string of type N (key 'KEY')` for one that such a value cannot have
---* Raises `bson: a key cannot hold a zero byte: 'KEY'`
---* Raises `Too depth while encoding bson`
---* Since 0.1.0.
---@param t table
---@return bson.document document
function bson.encode(t) end

---Makes a document whose keys keep their order.
---
---* Raises `Invalid ordered dict` for a key without a value
---* Raises the errors of `bson.encode`
---* Since 0.1.0.
---@param ... any a key, its value, the next key...
---@return bson.document document
function bson.encode_order(...) end

---Makes a table of a document. A pointer is believed: it must point to a document that lives.
---
---* Raises `Invalid bson block: REASON`
---* Raises `Invalid bson type : N` for 6 and other types that are none
---* Since 0.1.0.
---@param document any a document, or a pointer to the bytes of one (light userdata)
---@return table? t nothing for anything else
function bson.decode(document) end

---A document as a pointer to its bytes.
---
---* Since 0.1.0.
---@param document bson.document
---@return lightuserdata pointer good for as long as the document is kept
function bson.to_lightuserdata(document) end

---What a value is, as it would be encoded.
---
---* Raises `Invalid type TYPE` for a function, a userdata and a coroutine
---* Raises `Invalid bson type : N`
---* Raises `Invalid bson string of type N`
---* Since 0.1.0.
---@param value any
---@return string kind as in the table above
---@return any ... what the value is made of
function bson.type(value) end

---A date. What is read from a document has whole seconds, unless `bson.exactdate` says otherwise.
---
---* Raises `no date so far away`
---* Since 0.1.0.
---@param seconds number since 1970; with a fraction, before 1970 or after 2106 it is a longer value, which skynet does not have
---@return string date
function bson.date(seconds) end

---Whether dates that this service reads from now on keep their milliseconds: `bson.type` returns them
---behind the seconds, and such a date is not equal to one of whole seconds. Off at first: 1.5 s is
---read as 1 s, as programs written for skynet expect it.
---
---* Since 0.1.0, not in skynet.
---@param on boolean
function bson.exactdate(on) end

---A timestamp, which MongoDB itself uses. For a time of yours use `bson.date`.
---
---* Since 0.1.0.
---@param seconds integer
---@param inc? integer a number that counts up within this node, unless it is given
---@return string timestamp
function bson.timestamp(seconds, inc) end

---A regular expression.
---
---* Since 0.1.0.
---@param pattern string without zero bytes
---@param options? string letters in the order of the alphabet, as `im`
---@return string regex
function bson.regex(pattern, options) end

---Bytes that are no text.
---
---* Since 0.1.0.
---@param bytes string
---@param subtype? integer 0 to 255; 0 unless it is given. Not in skynet
---@return string binary
function bson.binary(bytes, subtype) end

---An integer that is int64 on the wire, however small. Reading returns an ordinary integer.
---
---* Since 0.1.0.
---@param n integer
---@return string value
function bson.int64(n) end

---An object id of these digits, or a new one: of the time, this machine, this process, and a number
---that counts up.
---
---* Raises `Invalid objectid TEXT`
---* Since 0.1.0.
---@param text? string 24 hexadecimal digits
---@return string id
function bson.objectid(text) end

---@class bson.document
local document = {}

---The document as a table.
---
---* Raises the errors of `bson.decode`
---* Since 0.1.0.
---@return table t
function document:decode() end

---Lets `document.key = value` replace values: of the keys at the top, those of a fixed size (double,
---boolean, int32, int64, date, timestamp, object id), by one of the same type. It raises `call
---makeindex first`, `Can't replace key : KEY`, `Can't replace type N`, `VALUE must be a 32bit integer
---` or `a value of bson type N belongs here`.
---
---* Since 0.1.0.
---@return bson.document document
function document:makeindex() end

return bson
