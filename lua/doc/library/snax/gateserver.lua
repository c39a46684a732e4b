---@meta snax.gateserver
-- Made by lua/doc/generate.py out of lua/doc/ref/gateserver.ref: edit it there.

---The frame of a gate: a service that listens and gives the frames of its clients to a handler. It
---takes the socket messages of its service, which therefore cannot use `skynet.socket`. Frames are at
---most 65,535 bytes.
---@class snax.gateserver
local gateserver = {}

---@class snax.gateserver.start.handler
---@field connect function `connect(fd, address)`: somebody came; nothing is read before `openclient`
---@field message function `message(fd, msg, size)`: a frame, a block that is the handler's
---@field disconnect? function `disconnect(fd)`: the peer is gone
---@field error? function `error(fd, why)`
---@field warning? function `warning(fd, kib)`: much waits to be written
---@field open? function `open(source, conf)` returns the answer to `open`
---@field command? function `command(name, source, ...)`: any other request of the protocol lua; its results are the answer
---@field handover? function `handover(fd)`: the node stops; returns what the next life of the gate shall know of this client, anything that `skynet.pack` takes, or nil: he is not handed over
---@field resume? function `resume(fd, address, state)`: in place of `connect` for a client that was handed over; nothing is read before `openclient`
---@field settle? function `settle()`: waits until what was passed on has been served
---@field embed? boolean true: only the protocols are set; `skynet.start` is the program's

---Begins the service. It answers the requests `close` and
---`open { address =, port =, maxclient =, nodelay =, backlog =, backpressure =, proxy =, writelimit =,
---writepolicy =, handover = }`. As many clients are admitted as `maxclient` says (1024 if it is nil);
---others are closed at once. Small writes leave at once (TCP_NODELAY) unless `nodelay` is false.
---`writelimit` and `writepolicy` are those of its connections (`socket.writelimit`). `open` fails with
---`Listen error (WHY)` or `the gate is open already`. With `proxy` the clients come through proxies of
---these addresses, and `address` is the client's own (`socket.proxy`). An address `"systemd:NAME"` is
---the listening socket of that name that a socket unit of systemd opened for the node; another is kept
---by systemd while the node is away, so that nobody is refused when it restarts.
---
---With `handover` clients stay connected when systemd restarts the node (`systemctl restart`, not
---`stop`, and not a crash). When the node is asked to stop, the gate stops reading, what was read is
---served, `handler.handover` is asked for each client, and connections wait in systemd's store with
---what is said meanwhile, also with the begin of a frame. When a gate of the next life opens the same
---address, `handler.resume` gets them with other numbers. It can be up to 4,000 clients, with 64 KiB
---of state each; it needs the unit's `FileDescriptorStoreMax`. What other gates and servers have
---(TLS, websocket, `skynet.socket`) is not handed over: the state of an encrypted connection lies in
---the process that ends.
---
---A client that sends faster than it is served is read more slowly: when messages that the gate has
---passed on with `skynet.redirect(agent, client, "client", fd, msg, size)` (a gate in C: with
---`skynet_send`, the type PTYPE_CLIENT and the session fd) wait for their agent, and are more than
---`backpressure` bytes (each counts 128 more than it has), the client is not read until half of them
---are taken. The rest waits in the kernel, and in the end with the client; others are read meanwhile.
---Without `backpressure` it is `net.backpressure` of the configuration, 64 KiB; false is none. It ends
---where a handler waits, for such a message is taken; agents of other nodes and other ways to send are
---not seen, but `driver.pass` can be told of them.
---
---* Raises `a gate needs handler.message`
---* Raises `a gate needs handler.connect`
---* Since 0.1.0.
---@param handler snax.gateserver.start.handler
function gateserver.start(handler) end

---Begins to read from a client.
---
---* Since 0.1.0.
---@param fd integer
function gateserver.openclient(fd) end

---Closes a client's connection, after what was written to it has gone out.
---
---* Since 0.1.0.
---@param fd integer
function gateserver.closeclient(fd) end

return gateserver
