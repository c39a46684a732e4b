---@meta snax.loginserver
-- Made by lua/doc/generate.py out of lua/doc/ref/loginserver.ref: edit it there.

---The module is a function: `require "snax.loginserver"(conf)` makes the service whose script calls it
---a login server. It finds out who a client is and agrees upon a secret of 8 bytes with him. The
---service that is started first is the master and registers the name `.login`; it starts slaves of the
---same script, which talk with the clients.
---
---| field of `conf` | |
---| --- | --- |
---| `port` | 0 for any; becomes the actual one |
---| `host` | `"0.0.0.0"` |
---| `name` | `"login"` |
---| `instance` | how many slaves: 8 |
---| `multilogin` | whether one user may be logging in twice at the same time: false |
---| `auth_handler(token)` | runs in slaves; returns a server's name and the user's id, or raises |
---| `login_handler(server, uid, secret)` | runs in the master; returns a subid, or raises |
---| `command_handler(cmd, ...)` | runs in the master for messages of the type `lua`; what it returns is the answer |
---
---The talk is in lines, in base64. The server sends 8 random bytes, the challenge. Each end sends
---`crypt.dhexchange` of a key of its own, the client first; `crypt.dhsecret` of the other's is the
---secret. The client sends `crypt.hmac64(challenge, secret)`, then `crypt.desencode(secret, token)`.
---The answer is `200` and the subid in base64, `401 Unauthorized`, `403 Forbidden` (`login_handler`
---raised) or `406 Not Acceptable` (the user is logging in elsewhere). A client may take 30 seconds and
---send 8,192 bytes ahead. The secret is too short to protect anything against who listens: on an open
---network put TLS in front of it.
---@class snax.loginserver
local loginserver = {}

return loginserver
