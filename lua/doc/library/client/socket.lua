---@meta client.socket
-- Made by lua/doc/generate.py out of lua/doc/ref/client-socket.ref: edit it there.

---Blocking TCP for test clients. It uses nothing of the node, so a plain Lua 5.4 can load it too: its
---shared object is `modules/client/socket.so` of the installation. In a service use `skynet.socket`,
---for these functions hold up their worker.
---@class client.socket
local socket = {}

---Connects and waits until that is done.
---
---* Raises `Connect IP PORT failed`
---* Since 0.1.0.
---@param ipv4 string an address as numbers
---@param port integer
---@return integer fd
function socket.connect(ipv4, port) end

---Takes what has come, without waiting.
---
---* Raises `socket error: ...`
---* Since 0.1.0.
---@param fd integer
---@return string|nil bytes at most 4,096; `""`: the peer has closed; nothing: there is nothing yet
function socket.recv(fd) end

---Sends all of it. While the peer does not read, it waits, without using the processor.
---
---* Raises `socket error: ...`
---* Since 0.1.0.
---@param fd integer
---@param bytes string
function socket.send(fd, bytes) end

---Ends the directions that the mode names.
---
---* Raises `Invalid mode C`
---* Raises `mode should be r or/and w`
---* Since 0.1.0.
---@param fd integer
---@param mode string `r`, `w`, or both
function socket.shutdown(fd, mode) end

---Closes it.
---
---* Since 0.1.0.
---@param fd integer
function socket.close(fd) end

---Waits.
---
---* Since 0.1.0.
---@param microseconds integer
function socket.usleep(microseconds) end

---Returns the next line of stdin, or nothing if there is none yet. A thread reads them from the first
---call on; it waits while 1,024 lines lie there.
---
---* Since 0.1.0.
---@return string|nil line without its end; longer lines come in pieces of 1,023 bytes
---@return string|nil eof `"eof"` when there is no line and none will come
function socket.readstdin() end

return socket
