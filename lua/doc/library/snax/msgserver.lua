---@meta snax.msgserver
-- Made by lua/doc/generate.py out of lua/doc/ref/msgserver.ref: edit it there.

---A gate for users who have logged in. Messages are frames of two bytes with the length and as many
---bytes as that says. On each connection the client first sends `username:index:hmac`, in which `hmac`
---is `crypt.hmac_hash(secret, "username:index")` in base64 and the index is higher than ever before.
---The answer is `200 OK`, `404 User Not Found`, `403 Index Expired`, `401 Unauthorized` or
---`400 Bad Request`; all but the first end the connection, and so do 30 seconds of silence. Requests
---end with a number of four bytes, answers with a byte (1: well, 0: the request failed) and the number
---of the request, the high byte first. A request that is sent again on a later connection is not
---handled again: its answer is. A new connection of a user closes his earlier one.
---@class snax.msgserver
local msgserver = {}

---Makes the service a msgserver. `request_handler(username, text)` returns the answer; what it raises
---is logged and fails the request. `login_handler`, `logout_handler` and `kick_handler` are called for
---messages `login`, `logout` and `kick` of the type `lua`, with what follows these words; what they
---return is the answer. If wanted, there are `register_handler(servername)`, called by the message
---`open`, whose table must have a `servername`; `disconnect_handler(username)`; `expired_number`: how
---many answers at least are kept for a user (128); and `request_number`: with so many requests of a
---connection at work (256) it is not read until half of them are answered.
---
---* Raises `a msgserver needs conf.NAME`
---* Since 0.1.0.
---@param conf table
function msgserver.start(conf) end

---The name that stands for a user in handshakes.
---
---* Since 0.1.0.
---@param uid string
---@param subid string|integer
---@param server string
---@return string username
function msgserver.username(uid, subid, server) end

---What a name is made of.
---
---* Raises `'NAME' is no user name of a msgserver`
---* Since 0.1.0.
---@param username string
---@return string uid
---@return string subid
---@return string server
function msgserver.userid(username) end

---Lets the user connect from now on.
---
---* Raises `the user 'NAME' is logged in already`
---* Since 0.1.0.
---@param username string
---@param secret string 8 bytes
function msgserver.login(username, secret) end

---Closes his connection and forgets him.
---
---* Since 0.1.0.
---@param username string
function msgserver.logout(username) end

---Where the user is connected from.
---
---* Since 0.1.0.
---@param username string
---@return string|nil address nothing while he has no connection
function msgserver.ip(username) end

return msgserver
