---@meta http.tlshelper
-- Made by lua/doc/generate.py out of lua/doc/ref/http-tlshelper.ref: edit it there.

---TLS on a socket, as the functions that `http.httpd` and others read and write with. What fails in a
---handshake raises the text of `ltls.c`, as `SSL_do_handshake error:1 (certificate verify failed:
---hostname mismatch)`, and the peer is told; a connection that ends raises
---`sockethelper.socket_error`.
---
---`http.httpc` and `http.websocket` verify as clients whom they talk to. `tls_ca_file` in the section
---`env` of the configuration names a file of issuers to trust in place of the system's; `tls_verify`
---`false` there trusts everybody, as skynet does. Contexts of one's own verify nobody unless they are
---told to. A server and a client of https, whose certificate comes from `openssl req -x509 -nodes
----newkey rsa:2048 -keyout key.pem -out cert.pem -subj /CN=localhost -addext
---subjectAltName=DNS:localhost`:
---@class http.tlshelper
---@field handshake_timeout integer centiseconds for a handshake, 30 seconds; then the socket is shut down
local tlshelper = {}

---`ltls.newctx` of `ltls.c`: a context that verifies nobody.
---
---* Since 0.1.0.
---@return ltls.context ctx
function tlshelper.newctx() end

---The context of this service for clients, which verifies whom they talk to, unless the environment
---says otherwise. The same one each time.
---
---* Raises `SSL_CTX_load_verify_file FILE error:CODE (REASON)`
---* Since 0.1.0, not in skynet.
---@return ltls.context ctx
function tlshelper.clientctx() end

---`ltls.newtls` of `ltls.c`.
---
---* Since 0.1.0.
---@param method string `client` or `server`
---@param ctx ltls.context
---@param hostname? string
---@return ltls.connection tls
function tlshelper.newtls(method, ctx, hostname) end

---The hostname need not be given if `newtls` was given it.
---
---* Since 0.1.0.
---@param fd integer a started socket
---@param tls ltls.connection
---@return fun(hostname:string?) init the handshake of a client; it waits, and raises when that fails
function tlshelper.init_requestfunc(fd, tls) end

---Makes a function.
---
---* Since 0.1.0.
---@param fd integer a started socket
---@param tls ltls.connection
---@return fun() init the handshake of a server; it waits, and raises when that fails
function tlshelper.init_responsefunc(fd, tls) end

---Makes a function that reads. It never returns `""` for want of bytes.
---
---* Since 0.1.0.
---@param fd integer
---@param tls ltls.connection
---@return function read `read()` returns what is there, or waits for it; `read(n)` returns n bytes
function tlshelper.readfunc(fd, tls) end

---Makes a function that writes.
---
---* Since 0.1.0.
---@param fd integer
---@param tls ltls.connection
---@return function write `write(string)`
function tlshelper.writefunc(fd, tls) end

---Makes a function that reads everything. Whether the peer has ended, or somebody has cut the
---connection off, is what `tls:ended()` says then.
---
---* Since 0.1.0.
---@param fd integer
---@param tls ltls.connection
---@return function readall returns all text until the end of the connection
function tlshelper.readallfunc(fd, tls) end

---Makes a function that says to the peer that no more comes, and frees the session. It is called
---before `socket.close`.
---
---* Since 0.1.0.
---@param tls ltls.connection
---@return function close
function tlshelper.closefunc(tls) end

return tlshelper
