---@meta http.websocket
-- Made by lua/doc/generate.py out of lua/doc/ref/http-websocket.ref: edit it there.

---Both ends of WebSocket (RFC 6455). A server's connection is served by `websocket.accept`, which
---calls functions
---of the program; a client reads its messages with `websocket.read`. A message that breaks a rule
---(masks, reserved
---bits, the order of fragments, UTF-8, close statuses, limits) ends the connection with the status
---that the standard
---has for it.
---@class http.websocket
---@field strict boolean true unless it is changed. false: frames of clients without masks, and texts that are not UTF-8, are taken as well, for clients that rely on servers which do not look.
---@field limit integer Bytes of a message that a server takes: 256 KiB unless it is changed.
---@field clientlimit integer Bytes of a message that a client takes: 16 MiB unless it is changed.
---@field deflate boolean|table false unless it is changed: whether a connection may compress its messages (permessage-deflate, RFC 7692), if the other side wants it too. true: with the settings below; a table: with those that it names. | setting | default | | | --- | --- | --- | | `takeover` | true | a message is compressed by means of those before it; that is what makes short messages small | | `window` | 12 | 2^window bytes of them, 8 to 15 | | `memory` | 5 | 2^(memory + 9) bytes to find them with, 1 to 9 | | `level` | 6 | 1 is fast, 9 is small | | `least` | 32 | shorter messages are sent as they are, unless they are longer than this many bytes | It costs time, some 4 us a message of 100 bytes and 10 to 60 us one of 1 KiB, and memory, which counts as the service's: * with `takeover`, for each connection 2^(window + 2) + 2^(memory + 9) bytes and 6 KiB to send, from the first message on that is compressed, and 2^bits bytes and 10 KiB to receive, from the first on that comes: 38 and 14 KiB as it is set. bits is `window`, where the other side knows the parameter `client_max_window_bits`, as browsers do; else 15, which makes 42 KiB of the 14; * without, nothing for a connection: one pair of streams serves all connections of a service. What comes is never inflated beyond the limit of a message: one that would be longer ends the connection with status 1009, and one that is damaged with 1007. A secret and what a stranger chose should not stand in one compressed message, for its length tells of the secret; nor in one connection with `takeover`.
---@field timeout integer|false Centiseconds for the handshake at a server, 1000 unless it is changed.
---@field clienttimeout integer|false Centiseconds for the handshake of a client that names no `timeout`, 3000 unless it is changed.
local websocket = {}

---@class http.websocket.accept.handle
---@field connect? function `connect(id)` before the handshake
---@field handshake? function `handshake(id, header, url)` after it
---@field message? function `message(id, data, kind)`: a whole message; kind is `"text"` or `"binary"`
---@field ping? function `ping(id)`: it was answered already
---@field pong? function `pong(id)`
---@field close? function `close(id, code, reason)`: the peer closed; without code and reason: it said none, this side closed, or the handshake was refused
---@field error? function `error(id, err)`: the connection broke, or the peer broke a rule
---@field warning? function `warning(ws, kib)`: so much waits to be written; `ws.id` is the id

---@class http.websocket.accept.options
---@field upgrade? table `{ header =, method =, url = }` of a request that `httpd.read_request` has read; then fd is started already
---@field limit? integer bytes of a message, `websocket.limit` if it is nil. Not in skynet
---@field idle? integer centiseconds: a peer that sent no frame for so long is asked by a ping, and cut off when it is silent as long again. Not in skynet
---@field nodelay? boolean false: the kernel may gather small writes. Not in skynet
---@field deflate? boolean|table whether messages may be compressed, `websocket.deflate` if it is nil. Not in skynet

---Serves a connection until it ends. A handshake that is wrong is answered by the status for it.
---
---* Raises `invalid websocket protocol:P`
---* Since 0.1.0.
---@async
---@param fd integer a connection that was accepted and not started
---@param handle http.websocket.accept.handle functions, each of which may be absent; `id` is fd
---@param protocol? string `"ws"`, or `"wss"` with the files `certfile` and `keyfile` of the configuration (`./server-cert.pem`, `./server-key.pem`)
---@param addr? string for `websocket.addrinfo`
---@param options? http.websocket.accept.options
---@return boolean ok false: the peer broke a rule, or a function raised an error
---@return string err the error with its traceback
function websocket.accept(fd, handle, protocol, addr, options) end

---@class http.websocket.connect.options
---@field limit? integer bytes of a message, `websocket.clientlimit` if it is nil
---@field deflate? boolean|table whether messages may be compressed, `websocket.deflate` if it is nil

---Connects to a server.
---
---* Raises `invalid protocol: P`, `invalid host: H`
---* Raises `websocket handshake error: code[C] info:B`
---* Raises `websocket handshake upgrade must websocket`, `websocket handshake connection must upgrade`, `websocket handshake need Sec-WebSocket-Accept`, `websocket handshake invalid Sec-WebSocket-Accept`
---* Raises `websocket handshake: the server answers extensions that were not offered: TEXT`
---* Raises `sockethelper.socket_error`
---* Since 0.1.0.
---@async
---@param url string `"ws://host[:port][/path]"` or `"wss://..."`
---@param header? table further fields of the request
---@param timeout? integer centiseconds to connect, and as many for the handshake
---@param options? http.websocket.connect.options not in skynet
---@return integer id
function websocket.connect(url, header, timeout, options) end

---Reads a message of a client's connection. Pings are answered on the way.
---
---* Raises `assertion failed!` there is no such websocket
---* Raises `sockethelper.socket_error`
---* Since 0.1.0.
---@async
---@param id integer
---@return string|boolean data the next message; false: the peer has closed
---@return string payload of its close frame
function websocket.read(id) end

---Sends a message in one frame.
---
---* Raises `assertion failed!` there is no such websocket, or no such fmt
---* Raises `sockethelper.socket_error`
---* Since 0.1.0.
---@param id integer
---@param data string
---@param fmt? string `"text"` (the default) or `"binary"`. A text must be UTF-8
---@param masking_key? integer of a client's frame; a random one if it is nil
function websocket.write(id, data, fmt, masking_key) end

---Sends a ping.
---
---* Raises `assertion failed!`
---* Since 0.1.0.
---@param id integer
function websocket.ping(id) end

---Sends a close frame and closes the socket. Nothing if it is closed.
---
---* Since 0.1.0.
---@async
---@param id integer
---@param code? integer
---@param reason? string
function websocket.close(id, code, reason) end

---The address of the other side.
---
---* Raises `assertion failed!`
---* Since 0.1.0.
---@param id integer
---@return string addr what `accept` got, or the host of the URL
function websocket.addrinfo(id) end

---The field `x-real-ip` of the handshake, which proxies add.
---
---* Raises `assertion failed!`
---* Since 0.1.0.
---@param id integer
---@return string|nil ip
function websocket.real_ip(id) end

---Whether a websocket is closed.
---
---* Since 0.1.0.
---@param id integer
---@return boolean closed true if it is not open in this service
function websocket.is_close(id) end

return websocket
