---@meta http.permessage
-- Made by lua/doc/generate.py out of lua/doc/ref/http-permessage.ref: edit it there.

---What a handshake of WebSocket agrees on for permessage-deflate (RFC 7692), and the two streams of a
---connection; `http.websocket` uses it. None of these functions waits.
---@class http.permessage
local permessage = {}

---Completes an option.
---
---* Raises `deflate.NAME is an integer from A to B, not V`, `deflate has no option NAME`
---* Since 0.1.0, not in skynet.
---@param option boolean|table|nil what `websocket.deflate` may be
---@return table|nil settings all of them; nil: no compression
function permessage.settings(option) end

---Takes the field apart.
---
---* Since 0.1.0, not in skynet.
---@param text string a Sec-WebSocket-Extensions
---@return table|nil list an array of `{ name =, parameters = { { name, value }, ... } }`; a parameter without a value has true. nil: the text is no such field
function permessage.parse(text) end

---Chooses the first offer that can be taken.
---
---* Since 0.1.0, not in skynet.
---@param text string what a client offers
---@param settings table
---@return table|nil agreed nil: none of the offers can be taken
---@return string answer the field with which the server answers
function permessage.accept(text, settings) end

---The field with which a client offers.
---
---* Since 0.1.0, not in skynet.
---@param settings table
---@return string offer
function permessage.offer(settings) end

---Looks at a server's answer.
---
---* Since 0.1.0, not in skynet.
---@param text string what the server answered
---@param settings table
---@return table|nil agreed nil: something else than was offered
function permessage.agreed(text, settings) end

---The streams of a connection.
---
---* Since 0.1.0, not in skynet.
---@param agreed table
---@param settings table
---@param server? boolean for the server's end
---@return table streams `streams:pack(data)` returns a message compressed, or nil: it is better sent as it is; `streams:unpack(bytes, limit)` returns the message, or nil, why and the status to close with; `streams:close()` frees the memory
function permessage.streams(agreed, settings, server) end

return permessage
