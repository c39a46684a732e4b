---@meta ltls.c
-- Made by lua/doc/generate.py out of lua/doc/ref/ltls.ref: edit it there.

---TLS 1.2 and 1.3 between strings: what has come from the network goes in, what is to be sent comes
---out. `http.tlshelper` puts it on a socket, which is what programs want as a rule. Nothing here
---waits. It is a shared object that needs OpenSSL. `ltls.init.c`, with `constructor` and `destructor`,
---is there too, but OpenSSL sets itself up: `ltls.c` works whether `enablessl` is set or not.
---
---What fails raises `OPERATION error:CODE (REASON)`, and a connection that failed stays so. What the
---peer is told of it is what `tls:write()` returns then.
---@class ltls.c
local ltls = {}

---A context: what connections have in common. One is enough for all connections of a service to whom
---the same holds.
---
---* Raises `SSL_CTX_new error:0 (REASON)`
---* Since 0.1.0.
---@return ltls.context ctx
function ltls.newctx() end

---A connection, before its handshake.
---
---* Raises `invalid option 'METHOD'`
---* Since 0.1.0.
---@param method string `client` or `server`
---@param ctx ltls.context
---@param hostname? string of the server, for a client: what it asks for (SNI, unless it is an address), and what the certificate must be for if the context verifies
---@return ltls.connection tls
function ltls.newtls(method, ctx, hostname) end

---@class ltls.context
local ctx = {}

---Whose the server is, or a client if the server wants to know. The files are read at once.
---
---* Raises `SSL_CTX_use_certificate_chain_file FILE error:CODE (REASON)`
---* Raises `SSL_CTX_use_PrivateKey_file FILE error:CODE (REASON)`
---* Since 0.1.0.
---@param certfile string PEM: the certificate, then those that lead to its issuer
---@param keyfile string PEM, without a password
function ctx:set_cert(certfile, keyfile) end

---The ciphers of TLS 1.2. Those of TLS 1.3 are always all of OpenSSL's.
---
---* Raises `SSL_CTX_set_cipher_list LIST error:CODE (REASON)`
---* Since 0.1.0.
---@param list string of OpenSSL's names, as `ECDHE+AESGCM`
function ctx:set_ciphers(list) end

---From now on new connections verify: a client that the server's certificate is of an issuer whom it
---trusts and for the name that `ltls.newtls` was given, a server that the client has a certificate of
---such an issuer. Without this call nobody is verified, as in skynet.
---
---* Raises `SSL_CTX_load_verify_file FILE error:CODE (REASON)`
---* Since 0.1.0, not in skynet.
---@param cafile? string PEM: the issuers to trust; those that the system trusts unless it is given
function ctx:set_verify(cafile) end

---Both ends prove that they have a key, in place of certificates; only TLS 1.3 is spoken then. A
---client uses the first, a server accepts all, so that one key can take the place of another. The
---ciphers are those with SHA-256.
---
---* Raises `a key is { name, 32 bytes }`
---* Since 0.1.0, not in skynet.
---@param keys table array of one or two `{ name, bytes }`, names of 1 to 63 bytes, keys of 32
function ctx:set_keys(keys) end

---As `set_keys`, with keys that never are in a Lua state, nor in a core file of the process.
---
---* Raises what is wrong with the file
---* Since 0.1.0, not in skynet.
---@param file string as `harborctl key new` makes it, with one key or two; its owner's alone
function ctx:load_keys(file) end

---What connections speak above TLS. A server takes the first of its own that the client names, and
---refuses a client that names others only; clients that name none are served.
---
---* Raises `names of 1 to 255 bytes expected`, `too many names`, `no names`
---* Raises `SSL_CTX_set_alpn_protos error:CODE (REASON)`
---* Since 0.1.0, not in skynet.
---@param names table array of names of protocols (ALPN, RFC 7301), as `{ "http/1.1" }`, the best first
function ctx:set_alpn(names) end

---A server's connection whose client asks for this name (SNI, RFC 6066) shows the certificate of the
---other context, whose `set_alpn` and `set_verify` count for it, too. Who asks for no name, or
---another, gets that of this context. The first name that fits is taken.
---
---* Raises `a host's name expected`, `another context expected`
---* Since 0.1.0, not in skynet.
---@param name string of a host; `*.example.com` is each name with one more label
---@param other ltls.context with a certificate for it
function ctx:add_host(name, other) end

---@class ltls.connection
local tls = {}

---A step of the handshake. A client begins it without `data`. It goes on until `tls:finished()`; then
---`tls:write()` says what else is to be sent.
---
---* Raises `SSL_do_handshake error:CODE (REASON)`
---* Raises `handshake is finished`
---* Raises `no host name to verify the certificate for, give newtls one`
---* Raises `context is closed`
---* Since 0.1.0.
---@param data? string what has come from the peer
---@return string? out what is to be sent
function tls:handshake(data) end

---The protocol that both sides have agreed on, after the handshake.
---
---* Raises `context is closed`
---* Since 0.1.0, not in skynet.
---@return string|nil name
function tls:alpn() end

---The host that a client asks for, in the handshake and after it.
---
---* Raises `context is closed`
---* Since 0.1.0, not in skynet.
---@return string|nil name
function tls:hostname() end

---Whether the handshake is done.
---
---* Raises `context is closed`
---* Since 0.1.0.
---@return boolean finished
function tls:finished() end

---Decrypts. Without `data`: what came together with the last bytes of the handshake.
---
---* Raises `SSL_read error:CODE (REASON)`, after the text that was good
---* Raises `handshake is not finished`
---* Raises `context is closed`
---* Since 0.1.0.
---@param data? string what has come from the peer
---@return string text `""` when there is none yet
function tls:read(data) end

---Encrypts. Without a text: what else is to be sent, `""` when there is nothing.
---
---* Raises `SSL_write error:CODE (REASON)`
---* Raises `handshake is not finished`
---* Raises `context is closed`
---* Since 0.1.0.
---@param text? string
---@return string out what is to be sent
function tls:write(text) end

---As the third argument of `ltls.newtls`, before the handshake.
---
---* Raises `context is closed`
---* Since 0.1.0.
---@param hostname string
function tls:set_ext_host_name(hostname) end

---Frees the connection. It says nothing to the peer: `tls:shutdown` does. Connections that nobody
---refers to any more are freed by the collector.
---
---* Since 0.1.0.
function tls:close() end

---Says that no more text comes.
---
---* Raises `context is closed`
---* Since 0.1.0, not in skynet.
---@return string out what is to be sent
function tls:shutdown() end

---Whether the peer has said that no more text comes. A connection that ends without it may have been
---cut off.
---
---* Raises `context is closed`
---* Since 0.1.0, not in skynet.
---@return boolean ended
function tls:ended() end

---What both have agreed on.
---
---* Raises `context is closed`
---* Since 0.1.0, not in skynet.
---@return string version `TLSv1.3` or `TLSv1.2`
function tls:version() end

return ltls
