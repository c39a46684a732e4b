---@meta http.internal
-- Made by lua/doc/generate.py out of lua/doc/ref/http-internal.ref: edit it there.

---What `http.httpd` and `http.httpc` are made of. `read` is a function as `sockethelper.readfunc`
---makes it; an
---interface is a table `{ read =, write =, readall = }`.
---@class http.internal
local internal = {}

---Reads lines up to an empty one.
---
---* May wait: as `read` does
---* Since 0.1.0.
---@async
---@param read function
---@param lines table the lines are added to it
---@param pre? string bytes before those that are read
---@return string|nil rest the bytes behind the empty line; nil: more than 8 KiB
function internal.recvheader(read, lines, pre) end

---The same without taking the lines apart.
---
---* May wait: as `read` does
---* Since 0.1.0, not in skynet.
---@async
---@param read function
---@param pre? string
---@param skip? boolean empty lines before the first are left out
---@return string|nil text nil: more than 8 KiB
---@return integer size bytes of the text that are the lines, without the end of the last
---@return string rest
function internal.readhead(read, pre, skip) end

---Takes the fields of a header apart.
---
---* Since 0.1.0.
---@param lines table
---@param from integer the first that counts
---@param header table is filled
---@return table|nil header nil: a line is no field
function internal.parseheader(lines, from, header) end

---How long the body behind this header is.
---
---* Since 0.1.0, not in skynet.
---@param header table
---@param version? integer 10 is HTTP/1.0
---@return string|integer|boolean|nil framing `"chunked"`, a length, or nil; false: it is wrong
---@return integer status what to answer then
function internal.framing(header, version) end

---Puts a message together.
---
---* Raises `W: N cannot be a header field: V`
---* Since 0.1.0, not in skynet.
---@param line string the first line, with its end
---@param header table|nil names to a value, or to an array of values
---@param separator string
---@param where string for the error
---@param more string|integer what stands behind the fields; an integer: a content-length of so much
---@param body? string
---@return string text
function internal.head(line, header, separator, where, more, body) end

---Reads a chunked body.
---
---* May wait: as `read` does
---* Since 0.1.0.
---@async
---@param read function
---@param limit integer|nil bytes
---@param header table what comes behind the chunks is added
---@param pre? string
---@param progress? function called with the number of bytes that came
---@return string|nil body nil: the chunks are wrong, or too many
---@return table header
---@return string rest the bytes behind
function internal.recvchunkedbody(read, limit, header, pre, progress) end

---Reads n bytes.
---
---* May wait: as `read` does
---* Since 0.1.0, not in skynet.
---@async
---@param read function
---@param n integer
---@param pre? string
---@return string body
---@return string rest
function internal.lengthbody(read, n, pre) end

---Sends a request and reads the answer's header.
---
---* May wait: as the interface does
---* Raises the errors of `httpc.request`
---* Since 0.1.0.
---@async
---@param interface table
---@param method string
---@param host string
---@param url string
---@param recvheader? table
---@param header? table
---@param content? string
---@return integer code
---@return string rest bytes behind the header
---@return table header
---@return integer version 11 is HTTP/1.1
function internal.request(interface, method, host, url, recvheader, header, content) end

---Reads the body of an answer.
---
---* May wait: as the interface does
---* Raises `Invalid response body`, `Unsupport transfer-encoding`
---* Since 0.1.0.
---@async
---@param interface table
---@param code integer
---@param rest string
---@param header table
---@param limit? integer bytes
---@return string body
---@return string|nil behind the bytes behind it; nil: it ended with the connection
function internal.response(interface, code, rest, header, limit) end

---Makes an object that reads the body piece by piece.
---
---* Since 0.1.0.
---@param interface table
---@param code integer
---@param rest string
---@param header table
---@param empty? boolean there is no body
---@return function stream as of `httpc.request_stream`
function internal.response_stream(interface, code, rest, header, empty) end

return internal
