---@meta sprotoloader
-- Made by lua/doc/generate.py out of lua/doc/ref/sprotoloader.ref: edit it there.

---Schemas that all services of the process share, in slots 0 to 15. One service registers them, the
---others load. What was saved stays in memory.
---@class sprotoloader
local loader = {}

---Reads a schema into a slot.
---
---* Raises the errors of the file, of `sprotoparser.parse`, and `Invalid global slot index N`
---* Since 0.1.0.
---@param filename string with the schema's text
---@param slot integer
function loader.register(filename, slot) end

---Saves a compiled schema in a slot.
---
---* Raises `invalid sproto bundle`, `Invalid global slot index N`
---* Since 0.1.0.
---@param bundle string
---@param slot integer
function loader.save(bundle, slot) end

---Returns an object over the schema of a slot.
---
---* Raises `nil sproto at index N`
---* Since 0.1.0.
---@param slot integer
---@return sproto.object object
function loader.load(slot) end

return loader
