---@meta skynet.core
-- Made by lua/doc/generate.py out of lua/doc/ref/core.ref: edit it there.

---What lies below the table `skynet`. Some programs use it; new ones need not.
---@class skynet.core
local core = {}

---Sends a message.
---
---* Raises the errors of `skynet.rawsend`
---* Since 0.1.0.
---@param addr integer|string
---@param type integer
---@param session integer|nil nil takes a new one
---@param msg string|lightuserdata|nil
---@param size? integer
---@return integer|nil session nothing when the receiver is not there
function core.send(addr, type, session, msg, size) end

---Sends a message in the name of another service.
---
---* Since 0.1.0.
---@param addr integer|string
---@param source integer
---@param type integer
---@param session integer|nil
---@param msg string|lightuserdata|nil
---@param size? integer
---@return integer|nil session
function core.redirect(addr, source, type, session, msg, size) end

---Runs a command of the C interface.
---
---* Since 0.1.0.
---@param cmd string `"REG"`, `"QUERY"`, `"NAME"`, `"EXIT"`, `"KILL"`, `"LAUNCH"`, `"GETENV"`, `"SETENV"`, `"STARTTIME"`, `"ABORT"`, `"MONITOR"`, `"STAT"`, `"LOGON"`, `"LOGOFF"`, `"SIGNAL"`, `"TIMEOUT"`
---@param parm? string|number
---@return string|nil result
function core.command(cmd, parm) end

---The same, with the result as a number.
---
---* Since 0.1.0.
---@param cmd string
---@param parm? string|integer
---@return number|nil result
function core.intcommand(cmd, parm) end

---The same, with the result as a handle.
---
---* Since 0.1.0.
---@param cmd string
---@param parm? string
---@return integer|nil handle
function core.addresscommand(cmd, parm) end

---Gives all messages of this service to one function, in place of the dispatcher.
---
---* Since 0.1.0.
---@param f function `f(type, msg, size, session, source)`
---@param forward? boolean true: the blocks of messages are not freed
function core.callback(f, forward) end

---As `skynet.tracelog`.
---
---* Since 0.1.0.
---@param tag string
---@param text string
---@param co? thread
---@param level? integer
function core.trace(tag, text, co, level) end

---Asks a service that is busy for the stack of what it runs.
---
---* Since 0.1.0, not in skynet.
---@param handle integer of this node
---@return boolean there
function core.askstack(handle) end

---Takes that stack.
---
---* Since 0.1.0, not in skynet.
---@param handle integer
---@return string|nil text what `askstack` asked for, nil as long as no code of the service has run since
function core.stack(handle) end

---As of `skynet`.
---
---* Since 0.1.0.
---@return integer session
function core.genid() end

---As of `skynet`.
---
---* Since 0.1.0.
---@param ... any
function core.error(...) end

---As of `skynet`.
---
---* Since 0.1.0.
---@param handle integer
---@return integer id
---@return boolean remote
function core.harbor(handle) end

---As of `skynet`.
---
---* Since 0.1.0.
---@param msg lightuserdata|string|nil
---@param size integer
---@return string text
function core.tostring(msg, size) end

---As of `skynet`.
---
---* Since 0.1.0.
---@param ... any
---@return lightuserdata msg
---@return integer size
function core.pack(...) end

---As of `skynet`.
---
---* Since 0.1.0.
---@param msg string|lightuserdata
---@param size? integer
---@return any ...
function core.unpack(msg, size) end

---As of `skynet`.
---
---* Since 0.1.0.
---@param ... any
---@return string bytes
function core.packstring(...) end

---As of `skynet`.
---
---* Since 0.1.0.
---@param msg lightuserdata|string
---@param size integer
function core.trash(msg, size) end

---As of `skynet`.
---
---* Since 0.1.0.
---@return integer cs
function core.now() end

---As of `skynet`.
---
---* Since 0.1.0.
---@return integer ns
function core.hpc() end

---A text for any value that was raised, as the log shows it.
---
---* Since 0.1.0, not in skynet.
---@param value any
---@return string text
function core.shown(value) end

return core
