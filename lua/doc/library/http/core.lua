---@meta http.core
-- Made by lua/doc/generate.py out of lua/doc/ref/http-core.ref: edit it there.

---The parsers in C that the other modules are made of. None of these functions waits.
---@class http.core
local core = {}

---Takes a request apart.
---
---* Since 0.1.0, not in skynet.
---@param text string the lines up to the empty one
---@param header? table is filled; a new one if it is nil
---@param size? integer only so many bytes of the text are the head
---@return string|nil method nil: the first line is no request
---@return string target
---@return integer version 11 is HTTP/1.1
---@return boolean right whether the fields are
---@return table header
function core.request(text, header, size) end

---Takes a response apart.
---
---* Since 0.1.0, not in skynet.
---@param text string
---@param header? table is filled; a new one if it is nil
---@param size? integer only so many bytes of the text are the head
---@return integer|nil code nil: the first line is no status
---@return string reason
---@return integer version
---@return boolean right
---@return table header
function core.response(text, header, size) end

---Puts a message together.
---
---* Since 0.1.0, not in skynet.
---@param line string the first line, with its end
---@param header table|nil names to a value, or to an array of values
---@param separator string what stands between a name and its value
---@param more string|integer what stands behind the fields; an integer: a content-length of so much, and the empty line
---@param body? string
---@return string|boolean text false: what follows is no field
---@return string name
---@return string value
function core.head(line, header, separator, more, body) end

---Takes the fields of a header apart: at most 256.
---
---* Since 0.1.0, not in skynet.
---@param text string
---@param header table is filled
---@return boolean right
function core.fields(text, header) end

---Whether they can be written as one field.
---
---* Since 0.1.0, not in skynet.
---@param name string
---@param value string
---@return boolean right
function core.is_field(name, value) end

---A decoder of a chunked body.
---
---* Since 0.1.0, not in skynet.
---@return userdata decoder `decoder:feed(bytes)` returns the data in them; behind the last chunk also `"end"` and the rest, after a mistake `"bad"`
function core.chunks() end

---A reader of WebSocket frames.
---
---* Since 0.1.0, not in skynet.
---@param limit integer bytes of a message
---@param masked? boolean frames must be masked; otherwise they must not
---@param lax? boolean both are fine, and texts need not be UTF-8
---@param inflates? boolean messages may be compressed
---@return userdata reader `reader:feed(bytes)`; `reader:next([bytes])` returns the code and the data of a message or a control frame, and whether it is compressed; nothing if it needs more bytes; or false, why and the status to close with
function core.frames(limit, masked, lax, inflates) end

---A WebSocket frame.
---
---* Since 0.1.0, not in skynet.
---@param code integer plus 64 if the data is compressed
---@param data string
---@param mask? integer|boolean true: a random one
---@return string bytes
function core.frame(code, data, mask) end

---Whether a text is UTF-8 as RFC 3629 has it: no surrogates, nothing beyond U+10FFFF.
---
---* Since 0.1.0, not in skynet.
---@param text string
---@return boolean right
function core.is_utf8(text) end

---A new Sec-WebSocket-Key.
---
---* Since 0.1.0, not in skynet.
---@return string key
function core.key() end

---A random mask for core.frame.
---
---* Since 0.1.0, not in skynet.
---@return integer mask
function core.mask() end

---Whether a text is the base64 of 16 bytes.
---
---* Since 0.1.0, not in skynet.
---@param text string
---@return boolean right
function core.is_key(text) end

---The Sec-WebSocket-Accept that answers a key.
---
---* Since 0.1.0, not in skynet.
---@param key string
---@return string accept
function core.accept(key) end

return core
