---@meta skynet.socketchannel
-- Made by lua/doc/generate.py out of lua/doc/ref/socketchannel.ref: edit it there.

---A TCP client that connects when it is needed, and gives each request its answer.
---
---In *order mode* the server answers in the order of the requests: each request brings a function that
---reads its answer. In *session mode* the description has one function that reads any answer and says
---to which session it belongs.
---@class skynet.socketchannel
---@field logintime integer|false Centiseconds that a login of `skynet.db.redis`, `mysql`, `pgsql` or `mongo` may take, with what `on_connect` does; 3000 unless it is changed, false: no end.
---@field error any What is raised when the connection is not there or was lost; as a text it is `[Error: socket]`.
local socketchannel = {}

---@class skynet.socketchannel.channel.desc
---@field host string
---@field port? integer nil: it is in `host`
---@field response? function session mode: `response(sock)` returns session, ok, data and whether more follows
---@field auth? function `auth(channel)` runs after each connect, before other requests
---@field backup? table further addresses, `"host"` or `{ host =, port = }`
---@field nodelay? boolean
---@field overload? function `overload(true)` when much waits to be written, `overload(false)` when it has gone out
---@field socket_read? function in place of `socket.read` in `sock:read`
---@field socket_readline? function in place of `socket.readline` in `sock:readline`
---@field writelimit? integer most bytes that wait to be written; 256 MiB if it is nil. Not in skynet
---@field gather? boolean order mode: small requests of tasks that run one behind the other are written together. Not in skynet

---Makes a channel. It connects with the first request. A channel that nobody keeps is closed.
---
---* Raises `a channel needs a host`
---* Since 0.1.0.
---@param desc skynet.socketchannel.channel.desc
---@return skynet.socketchannel.channel channel
function socketchannel.channel(desc) end

---@class skynet.socketchannel.channel
local channel = {}

---Connects now.
---
---* Raises `socketchannel.error` when it failed
---* Since 0.1.0.
---@async
---@param once? boolean true: one try of each address; otherwise it tries until it succeeds
---@return boolean ok
function channel:connect(once) end

---Sends a request and waits for its answer. One that is late is read and dropped when it comes; but in
---order mode, if it was the next to come, the connection ends.
---
---* May wait: for the connection, and for the answer if there is one
---* Raises `socketchannel.error` when the connection is lost
---* Raises what the response function returned behind false
---* Raises `the session is in use`
---* Raises `socket: no answer from ... within ... s`
---* Since 0.1.0.
---@async
---@param req string
---@param response? function|integer order mode: `response(sock)` returns ok, data and whether more follows; session mode: the session
---@param padding? table of strings: further parts, which may be overtaken by other requests
---@param cs? integer centiseconds that the connection, and then the answer, may take. Not in skynet
---@return any data of the answer; a table of parts when more than one came; nothing without `response`
function channel:request(req, response, padding, cs) end

---Waits for one more answer, without a request.
---
---* Raises the errors of `channel:request`
---* Since 0.1.0.
---@async
---@param response function|integer
---@param cs? integer centiseconds. Not in skynet
---@return any data
function channel:response(response, cs) end

---In session mode: the request of that session fails with `why` now. An answer that comes later is of
---an unknown session.
---
---* Since 0.1.0, not in skynet.
---@param session integer
---@param why any
---@return boolean waited false when nobody waits for it
function channel:cancel(session, why) end

---For `auth`, in session mode as the first thing that it does: what is written and read from here on
---goes through another language, such as TLS. It ends with the connection.
---
---* May wait: as `wrap` does
---* Raises `socket: a channel changes its language only in its auth, while it does not read`
---* Since 0.1.0, not in skynet.
---@async
---@param wrap function `wrap(fd)` begins the language; it returns `seal`, where `seal(request)` returns the bytes to write, and a table of methods for `sock` in place of `read` and `readline`
function channel:through(wrap) end

---Closes the channel. Requests that wait fail. `channel:connect` opens it again.
---
---* Since 0.1.0.
function channel:close() end

---Sets another address; a connection to the one before is closed. Within `auth` the channel goes there
---at once.
---
---* Since 0.1.0.
---@param host string
---@param port? integer
function channel:changehost(host, port) end

---Sets the further addresses.
---
---* Since 0.1.0.
---@param list table
function channel:changebackup(list) end

---Ends the connection; requests that wait fail with the error object. The next request makes a new
---one.
---
---* Since 0.1.0, not in skynet.
function channel:reset() end

---Why the last try to connect failed.
---
---* Since 0.1.0, not in skynet.
---@return string|nil why
function channel:lasterror() end

return socketchannel
