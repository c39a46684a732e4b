---@meta sproto.core
-- Made by lua/doc/generate.py out of lua/doc/ref/sproto-core.ref: edit it there.

---The functions below `sproto`. Schemas and types are light userdata; who made a schema keeps it.
---@class sproto.core
local core = {}

---Loads a schema.
---
---* Since 0.1.0.
---@param bundle string
---@return lightuserdata|nil schema nothing for an invalid bundle
function core.newproto(bundle) end

---Frees a schema, unless it was saved in a slot.
---
---* Since 0.1.0.
---@param schema lightuserdata|nil
function core.deleteproto(schema) end

---Prints a schema.
---
---* Since 0.1.0.
---@param schema lightuserdata
function core.dumpproto(schema) end

---Finds a type.
---
---* Since 0.1.0.
---@param schema lightuserdata
---@param name string
---@return lightuserdata|nil type
function core.querytype(schema, name) end

---Finds a protocol.
---
---* Since 0.1.0.
---@param schema lightuserdata
---@param key string|integer
---@return string|integer|nil other the number of a name, the name of a number
---@return lightuserdata|nil request type
---@return lightuserdata|nil response type; the NULL pointer for `response nil`
function core.protocol(schema, key) end

---Encodes.
---
---* Raises what is wrong with the table
---* Since 0.1.0.
---@param type lightuserdata|nil
---@param t table|nil
---@return string bytes
function core.encode(type, t) end

---Decodes.
---
---* Raises what is wrong with the bytes
---* Since 0.1.0.
---@param type lightuserdata|nil
---@param data string|lightuserdata
---@param size? integer
---@param into? table
---@return table|nil t
---@return integer used
function core.decode(type, data, size, into) end

---Makes a table with a value for every field.
---
---* Since 0.1.0.
---@param type lightuserdata|nil
---@return table|nil t
function core.default(type) end

---Packs bytes.
---
---* Since 0.1.0.
---@param data string|lightuserdata
---@param size? integer
---@return string packed
function core.pack(data, size) end

---Unpacks bytes.
---
---* Raises `Invalid unpack stream`
---* Since 0.1.0.
---@param data string|lightuserdata
---@param size? integer
---@return string bytes
function core.unpack(data, size) end

---Saves a schema for all services, as long as the process lives.
---
---* Raises `Invalid global slot index N`
---* Since 0.1.0.
---@param schema lightuserdata
---@param slot? integer 0 if it is nil
---@param bundle? string what the schema was made of, for recordings of services that load it
function core.saveproto(schema, slot, bundle) end

---Finds a saved schema.
---
---* Raises `nil sproto at index N`
---* Since 0.1.0.
---@param slot? integer
---@return lightuserdata schema
function core.loadproto(slot) end

return core
