---@meta http.sockethelper
-- Made by lua/doc/generate.py out of lua/doc/ref/http-sockethelper.ref: edit it there.

---A socket as functions to read and write with, for `http.httpd` and others. They raise
---`sockethelper.socket_error` when the connection ends.
---@class http.sockethelper
---@field socket_error table The error of a connection that failed. `tostring` returns `[Socket Error] : ` and what happened, the first time.
local sockethelper = {}

---Makes a function that reads.
---
---* Since 0.1.0.
---@param fd integer a started socket
---@param pre? string bytes to read before those of the socket
---@return function read `read()` returns what is there, or waits for it; `read(n)` returns n bytes
function sockethelper.readfunc(fd, pre) end

---Makes a function that writes. From its second call on small writes leave at once (TCP_NODELAY).
---
---* Since 0.1.0.
---@param fd integer
---@return function write `write(string)`
function sockethelper.writefunc(fd) end

---The same as `socket.readall`.
---
---* Since 0.1.0.
---@async
---@param fd integer
---@return string|boolean data
function sockethelper.readall(fd) end

---Connects.
---
---* Raises `sockethelper.socket_error`
---* Since 0.1.0.
---@async
---@param host string
---@param port integer
---@param timeout? integer centiseconds
---@return integer fd
function sockethelper.connect(host, port, timeout) end

---Closes when all is sent.
---
---* Since 0.1.0.
---@async
---@param fd integer
function sockethelper.close(fd) end

---Ends the connection at once.
---
---* Since 0.1.0.
---@param fd integer
function sockethelper.shutdown(fd) end

---Raises the error of a connection.
---
---* Raises `sockethelper.socket_error`, of which `tostring` returns `[Socket Error] : ` and the text
---* Since 0.1.0, not in skynet.
---@param format string
---@param ... any
function sockethelper.fail(format, ...) end

return sockethelper
