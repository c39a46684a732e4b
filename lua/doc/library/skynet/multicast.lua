---@meta skynet.multicast
-- Made by lua/doc/generate.py out of lua/doc/ref/multicast.ref: edit it there.

---Channels: what one service publishes, all that subscribe hear, on other nodes as well. A channel
---belongs to the node that made it; its number, which other services get in some message, says which.
---@class skynet.multicast
local multicast = {}

---@class skynet.multicast.new.conf
---@field channel? integer a channel that exists; without it there is a new one
---@field dispatch? function `dispatch(channel, source, ...)` hears what is published
---@field pack? function in place of `skynet.pack`
---@field unpack? function in place of `skynet.unpack`
---@field event? function `event(channel, what, why)`, while subscribed: `"lost"` (no link to the owner, messages may be missing), `"back"`, `"gone"` (deleted, or its node ended). Not in skynet

---Makes an object for a channel.
---
---* May wait: if it makes a new channel
---* Since 0.1.0.
---@async
---@param conf? skynet.multicast.new.conf
---@return skynet.multicast.channel channel
function multicast.new(conf) end

---@class skynet.multicast.channel
---@field channel integer The number of the channel, for other services; nil after `delete`.
local channel = {}

---Begins to hear. It goes on until `unsubscribe` or `delete`, over every loss of the link.
---
---* Raises `multicast: WHY` when the channel's node cannot be reached
---* Raises `the channel was deleted`
---* Since 0.1.0.
---@async
function channel:subscribe() end

---Ends hearing.
---
---* Raises `the channel was deleted`
---* Since 0.1.0.
function channel:unsubscribe() end

---Publishes. It returns when the message is on its way; those who listen get it later, this service
---too if it listens.
---
---* Raises `call failed: WHY` when the channel's node cannot be reached
---* Raises `the channel was deleted`
---* Since 0.1.0.
---@async
---@param ... any
function channel:publish(...) end

---Ends the channel for everybody.
---
---* Raises `the channel was deleted`
---* Since 0.1.0.
function channel:delete() end

return multicast
