---@meta http.url
-- Made by lua/doc/generate.py out of lua/doc/ref/http-url.ref: edit it there.

---The parts of what a request asks for.
---@class http.url
local url = {}

---Splits a URL at its `?`.
---
---* Since 0.1.0.
---@param u string
---@return string path decoded
---@return string query as it is; "" if there is none
function url.parse(u) end

---Splits a query and decodes its parts. A name at the end without `=` is not in it.
---
---* Since 0.1.0.
---@param q string
---@return table found names to a value, or to an array of values if a name comes again
function url.parse_query(q) end

return url
