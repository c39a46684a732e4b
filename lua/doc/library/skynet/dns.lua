---@meta skynet.dns
-- Made by lua/doc/generate.py out of lua/doc/ref/dns.ref: edit it there.

---Names to addresses, by asking name servers, without blocking a worker: what `socket.open` does for
---itself is done here for whoever wants the addresses. c-ares does the asking: it tries again, takes a
---long answer over TCP, and believes only the server that was asked. Each question has sockets of its
---own. The module is a shared object, loaded when a service first requires it.
---@class skynet.dns
---@field DEFAULT_HOSTS string|nil the hosts file, nil: none; to be changed before the first use
---@field DEFAULT_RESOLV_CONF string|nil the file with lines `nameserver ADDRESS`
---@field timeout integer centiseconds, 3000; not in skynet
local dns = {}

---Sets who is asked. Of several the next is asked when one does not answer in time, or fails. Without
---it the file is read when somebody is to be asked for the first time.
---
---* Raises `bad argument #1 to 'server'` for a name
---* Since 0.1.0.
---@param ip? string|table an address; nil: the servers of `dns.DEFAULT_RESOLV_CONF`, three at most; a table of `{ ip, port }`: several servers, which is not in skynet
---@param port? integer 53 if it is nil
function dns.server(ip, port) end

---Looks a name up: in the hosts file, which is read once, among what was asked before and still holds,
---at the servers. Those of IPv6 are written in full, `2001:db8:0:0:0:0:0:1`. An address comes back as
---it is, without a list. When no server answers, what was known before is returned, if it is old too.
---Who asks for a name that is asked for already waits for the same answer. A server that does not
---answer is asked again after 1 s, 2 s, 4 s and so on, up to `dns.timeout`.
---
---* May wait: not for an address, a name of the hosts file, or what is cached
---* Raises `timeout or no answer (NAME: WHY)`
---* Raises `Call dns.server first` when no server is known
---* Since 0.1.0.
---@async
---@param name string upper and lower case are the same
---@param ipv6? boolean IPv6 addresses, not IPv4
---@return string|nil ip the first address; nil for a name that is none
---@return table|string list all of them, at most 64, which is the caller's; `illegal name`
function dns.resolve(name, ipv6) end

---Forgets what was cached. It is at most 4096 names for a day each; the service has a cache of its
---own.
---
---* Since 0.1.0.
function dns.flush() end

return dns
