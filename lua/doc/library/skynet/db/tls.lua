---@meta skynet.db.tls
-- Made by lua/doc/generate.py out of lua/doc/ref/db-tls.ref: edit it there.

---How the clients of data bases go on in TLS; programs have no use for it beyond the option `ssl` of
---those clients. It is `true`, or a table:
---
---| key | meaning |
---| --- | --- |
---| `ca` | a file (PEM) with the issuers to trust; else those of `tls_ca_file` in the configuration's `env`, else of the system |
---| `name` | what the server's certificate must be for; else the `host` that was connected to |
---| `verify` | false: anybody may be the server. It is true unless `tls_verify` in the configuration's `env` is `false` |
---| `cert`, `key` | files (PEM) with a certificate for the server, if it wants to know who this is, and its key |
---| `ciphers` | the ciphers of TLS 1.2, in OpenSSL's words |
---
---With `ssl` a connection is in TLS or there is none: a server that has no TLS, or a certificate that
---is not good, ends the attempt, and the log says why.
---@class skynet.db.tls
local tls = {}

---What connections are made with.
---
---* Raises `WHO: ssl is to be true or a table, not TYPE`
---* Raises `WHO: ssl has no option 'KEY'`
---* Raises `WHO: ssl.KEY is to be a TYPE, not a TYPE`
---* Raises `WHO: ssl.cert and ssl.key belong together`
---* Raises the errors of `ltls.c` about files
---* Since 0.1.0, not in skynet.
---@param who string the function that was called, for texts of errors
---@param ssl boolean|table
---@param host string
---@return table options
function tls.options(who, ssl, host) end

---The handshake; all that the channel writes and reads from then on is in TLS.
---
---* Raises the errors of `ltls.c`
---* Since 0.1.0, not in skynet.
---@async
---@param ch skynet.socketchannel.channel in its `auth`
---@param options table
function tls.start(ch, options) end

return tls
