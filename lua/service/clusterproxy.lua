-- SPDX-License-Identifier: MIT
-- clusterproxy: a local service that stands for one of another node: "lua" and "snax" messages are
-- sent on to it, answers come back. clusterd says once which.
local skynet = require "skynet"
local senders = require "skynet.cluster.senders"
local netpack = require "skynet.netpack"

local node, address

local function push(payload)
	local ok, sender = pcall(senders.of, node)
	if ok and skynet.send(sender, "lua", "push", address, payload) == nil then
		senders.forget(node, sender)
		ok, sender = pcall(senders.of, node)
		if ok then
			skynet.send(sender, "lua", "push", address, payload)
		end
	end
end

-- As pcall. last: a sender that has ended was replaced already.
local function ask(request, last)
	local known, sender = pcall(senders.of, node)
	if not known then
		return false, sender
	end
	local ok, msg, size = pcall(skynet.rawcall, sender, "lua", request)
	if not ok and senders.has_ended(node, sender, msg) and not last then
		return ask(request, true)
	end
	return ok, msg, size
end

-- Raw bytes in both directions.
local function forward(session, _, payload)
	if session == 0 then
		return push(payload)
	end
	local ok, msg, size = ask(skynet.packstring("req", address, payload))
	if ok then
		skynet.ret(skynet.tostring(msg, size))
	else
		local why = tostring(msg):gsub("^call failed: ", "")
		skynet.response()(false, why)
	end
end

skynet.register_protocol {
	name = "system",
	id = skynet.PTYPE_SYSTEM,
	unpack = skynet.unpack,
	dispatch = function(_, _, ...)
		node, address = ...
		skynet.ret(skynet.packstring())
	end,
}

skynet.register_protocol {
	name = "snax", id = skynet.PTYPE_SNAX, unpack = skynet.tostring, dispatch = forward,
}
-- "lua" is there from the start with an unpack of its own: requests of it arrive as the type below.
-- A forwarded buffer is ours, and this tostring frees it.
skynet.register_protocol { name = "raw", id = 250, unpack = netpack.tostring, dispatch = forward }

skynet.forward_type({ [skynet.PTYPE_LUA] = 250 }, function() end)
