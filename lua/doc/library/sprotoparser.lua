---@meta sprotoparser
-- Made by lua/doc/generate.py out of lua/doc/ref/sprotoparser.ref: edit it there.

---Compiles schemas.
---@class sprotoparser
local parser = {}

---Turns a schema's text into a bundle.
---
---* Raises `syntax error at [NAME] line (N)`
---* Raises what is wrong with a type or protocol: `Undefined type T in type U`, `redefine F in type T` ...
---* Since 0.1.0.
---@param text string
---@param name? string for syntax errors
---@return string bundle
function parser.parse(text, name) end

---Prints bytes, 16 a line.
---
---* Since 0.1.0.
---@param bytes string
function parser.dump(bytes) end

return parser
