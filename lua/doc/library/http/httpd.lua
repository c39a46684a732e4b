---@meta http.httpd
-- Made by lua/doc/generate.py out of lua/doc/ref/http-httpd.ref: edit it there.

---A server's end of HTTP/1.1. The parser is strict: what two programs could read in two ways (both
---`content-length` and `transfer-encoding`, a repeated `content-length`, blanks before a colon, lines
---that end without CR) is refused.
---@class http.httpd
---@field timeout integer|false Centiseconds in which a request must be there, 6000 unless it is changed; a body may take longer, at 1,000 bytes a second. Then the socket is closed and `read_request` returns nil. false: no limit. It counts for functions of `sockethelper` and `tlshelper`, and for others that `channels.note` knows.
---@field bodylimit integer Bytes of a body where `read_request` is called without a limit: 64 MiB unless it is changed.
local httpd = {}

---Reads a request. `Expect: 100-continue` is answered if `readbytes` came from `sockethelper`. After
---another code than 200 the connection should be closed: nobody knows where the next request begins.
---
---* Since 0.1.0.
---@async
---@param readbytes function what `sockethelper.readfunc` returned. The same function again reads the next request of the connection, also when its bytes came together with those before
---@param bodylimit? integer bytes; `httpd.bodylimit` if it is nil
---@return integer|nil code 200; or what to answer: 400 wrong header, 413 header over 8 KiB, or body over the limit, or wrong chunks, 501 unknown transfer-encoding, 505 another version than 1.0 and 1.1
---@return string url as it was sent; or the error, when code is nil: the connection ended, or this is no request
---@return string method
---@return table header names in lower case to a string, or to an array of strings if a name came again. Fields behind a chunked body are added, but none that the body depends on
---@return string body "" if there is none
function httpd.read_request(readbytes, bodylimit) end

---Writes a response. A header whose name or value would be more than one line is an error.
---
---* Since 0.1.0.
---@param writefunc function what `sockethelper.writefunc` returned
---@param status integer
---@param body? string|function a string is sent with its `content-length`; a function is called until it returns nil, and its strings are sent as chunks; nil: the header alone
---@param header? table names to a value, or to an array of values
---@return boolean ok
---@return any err when it failed
function httpd.write_response(writefunc, status, body, header) end

return httpd
