---@meta sproto
-- Made by lua/doc/generate.py out of lua/doc/ref/sproto.ref: edit it there.

---Objects of a schema, and the ends of a connection that speaks it. Nothing here waits. Errors of
---encoding and decoding begin with the name of the type.
---@class sproto
local sproto = {}

---Makes an object of a compiled schema.
---
---* Raises `invalid sproto bundle`
---* Since 0.1.0.
---@param bundle string what `sprotoparser.parse` returned
---@return sproto.object object which owns the schema
function sproto.new(bundle) end

---Makes an object of a schema's text.
---
---* Raises the errors of `sprotoparser.parse`
---* Since 0.1.0.
---@param text string a schema
---@return sproto.object object
function sproto.parse(text) end

---Makes an object over a schema that lives elsewhere.
---
---* Since 0.1.0.
---@param schema lightuserdata of `sproto.core`
---@return sproto.object object
function sproto.sharenew(schema) end

---Packs bytes: runs of zeros become short.
---
---* Since 0.1.0.
---@param data string|lightuserdata
---@param size? integer
---@return string packed
function sproto.pack(data, size) end

---Unpacks them.
---
---* Raises `Invalid unpack stream`
---* Since 0.1.0.
---@param data string|lightuserdata
---@param size? integer
---@return string bytes
function sproto.unpack(data, size) end

---@class sproto.object
local object = {}

---Whether the schema has that type.
---
---* Since 0.1.0.
---@param name string
---@return boolean there
function object:exist_type(name) end

---Whether the schema has that protocol.
---
---* Since 0.1.0.
---@param key string|integer name or number
---@return boolean there
function object:exist_proto(key) end

---Tells of a protocol.
---
---* Raises `KEY not found`
---* Since 0.1.0.
---@param key string|integer
---@return table protocol `{ name =, tag =, request =, response = }`
function object:queryproto(key) end

---Encodes a table.
---
---* Raises `type not found`
---* Raises what is wrong with the table
---* Since 0.1.0.
---@param name string type
---@param t table
---@return string bytes
function object:encode(name, t) end

---Decodes bytes.
---
---* Raises `type not found`
---* Raises what is wrong with the bytes
---* Since 0.1.0.
---@param name string
---@param data string|lightuserdata
---@param size? integer of a block
---@param into? table that is filled; a new one if it is nil
---@return table t
---@return integer used bytes
function object:decode(name, data, size, into) end

---Encodes and packs.
---
---* Raises the errors of `object:encode`
---* Since 0.1.0.
---@param name string
---@param t table
---@return string packed
function object:pencode(name, t) end

---Unpacks and decodes.
---
---* Raises the errors of `object:decode`
---* Since 0.1.0.
---@param name string
---@param data string|lightuserdata
---@param size? integer
---@param into? table
---@return table t
---@return integer used
function object:pdecode(name, data, size, into) end

---Encodes the request of a protocol.
---
---* Raises `KEY not found`
---* Since 0.1.0.
---@param key string|integer protocol
---@param t table|nil
---@return string bytes
---@return integer tag
function object:request_encode(key, t) end

---Decodes the request of a protocol.
---
---* Raises `KEY not found`
---* Since 0.1.0.
---@param key string|integer
---@param data string|lightuserdata
---@param size? integer
---@param into? table
---@return table|nil t nil when the protocol has no request
---@return integer|string used bytes; the name when there is no request
---@return string name
function object:request_decode(key, data, size, into) end

---Encodes the response of a protocol.
---
---* Raises `KEY not found`
---* Since 0.1.0.
---@param key string|integer
---@param t table|nil
---@return string bytes empty without a response
function object:response_encode(key, t) end

---Decodes the response of a protocol.
---
---* Raises `KEY not found`
---* Since 0.1.0.
---@param key string|integer
---@param data string|lightuserdata
---@param size? integer
---@param into? table
---@return table|nil t
---@return integer used
function object:response_decode(key, data, size, into) end

---Makes a table of default values.
---
---* Raises `type not found`, `KEY not found`, `Invalid type`
---* Since 0.1.0.
---@param name string type, or protocol with `which`
---@param which? "REQUEST"|"RESPONSE"
---@return table|nil t with a value for every field
function object:default(name, which) end

---Makes one end of a connection.
---
---* Raises `type T not found`
---* Since 0.1.0.
---@param package? string the type of the header of messages; `"package"` if it is nil
---@return sproto.host host
function object:host(package) end

---@class sproto.host
local host = {}

---Makes the function that makes requests.
---
---* Since 0.1.0.
---@param object sproto.object the schema of the other side
---@return fun(name:string|integer,args:table?,session:integer?,ud:any):string request makes a packed request; with a session there will be a response
function host:attach(object) end

---Takes a message apart.
---
---* Raises `session not found`, `Unknown session`, and the errors of decoding
---* Since 0.1.0.
---@param data string|lightuserdata packed
---@param size? integer
---@return "REQUEST"|"RESPONSE" kind
---@return string|integer name of the protocol; the session of a response
---@return table|nil args
---@return function|nil answer `answer(args [, ud])` returns the packed response; nil when none is wanted
---@return any ud of the header; for a response it is in the place of `answer`
function host:dispatch(data, size) end

return sproto
