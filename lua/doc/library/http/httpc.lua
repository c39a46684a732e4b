---@meta http.httpc
-- Made by lua/doc/generate.py out of lua/doc/ref/http-httpc.ref: edit it there.

---HTTP requests to other servers. A host is `"[http://|https://]name[:port]"`; an IPv6 address
---stands in
---brackets. Redirections are the program's. All of them raise `sockethelper.socket_error` when the
---connection fails, and a text when the answer is wrong.
---
---`httpc.timeout` is nil, or the centiseconds to connect, and as many for the exchange behind that.
---Set it: without it a connect ends after `net.connect_timeout` of the configuration and a handshake
---of TLS after 30 s, but a server that takes the request and does not answer keeps the task for ever.
---@class http.httpc
---@field bodylimit integer Bytes of an answer's body: 256 MiB unless it is changed.
---@field keepalive integer Idle connections that are kept for each host, to be used again; 0, the default: none. A request that may be repeated (GET, HEAD, PUT, DELETE, OPTIONS) is made again when such a connection has just ended.
---@field idletime integer Centiseconds that an idle connection is kept: 1500 unless it is changed.
local httpc = {}

---Makes a request.
---
---* Raises `Recv header failed`, `Invalid HTTP response header`, `Invalid response body`, `Unsupport transfer-encoding`
---* Raises `Invalid protocol: P`
---* Raises `Invalid host: bare IPv6 address A, write it in brackets`
---* Since 0.1.0.
---@async
---@param method string
---@param host string
---@param url string
---@param recvheader? table is filled with the answer's header: names in lower case
---@param header? table names to a value, or an array of values; `Host` is added to it unless it is there. With `transfer-encoding` = `chunked` the content is sent as it is, without a length
---@param content? string
---@return integer status
---@return string body
function httpc.request(method, host, url, recvheader, header, content) end

---`httpc.request("GET", ...)`.
---
---* Raises the errors of `httpc.request`
---* Since 0.1.0.
---@async
---@param host string
---@param url string
---@param recvheader? table
---@param header? table
---@param content? string
---@return integer status
---@return string body
function httpc.get(host, url, recvheader, header, content) end

---Sends a form as a browser does.
---
---* Raises the errors of `httpc.request`
---* Since 0.1.0.
---@async
---@param host string
---@param url string
---@param form table names to values
---@param recvheader? table
---@return integer status
---@return string body
function httpc.post(host, url, form, recvheader) end

---Asks for the header alone.
---
---* Raises the errors of `httpc.request`
---* Since 0.1.0.
---@async
---@param host string
---@param url string
---@param recvheader? table
---@param header? table
---@param content? string
---@return integer status
function httpc.head(host, url, recvheader, header, content) end

---A request whose answer is read piece by piece. The object may be a variable with `<close>`.
---
---* Raises the errors of `httpc.request`
---* Since 0.1.0.
---@async
---@param method string
---@param host string
---@param url string
---@param recvheader? table
---@param header? table
---@param content? string
---@return function stream an object to be called: `for chunk in stream do`. `stream.status`, `stream.header`, `stream.connected` (true; nil at the end; false when it broke), `stream:close()`
function httpc.request_stream(method, host, url, recvheader, header, content) end

---Names are looked up by `skynet.dns` in this service from now on.
---
---* May wait: as `skynet.dns` does
---* Since 0.1.0.
---@async
---@param server? string
---@param port? integer
function httpc.dns(server, port) end

return httpc
