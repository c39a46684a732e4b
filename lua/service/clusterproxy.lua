-- SPDX-License-Identifier: MIT
-- clusterproxy: a local service that stands for one of another node: "lua" and "snax" messages are
-- sent on to it, answers come back. clusterd says once which.
local skynet = require "skynet"
local cluster = require "skynet.cluster"
local netpack = require "skynet.netpack"

local node, address

-- Raw bytes in both directions.
local function forward(session, _, payload)
	if session == 0 then
		local ok, sender = pcall(cluster.get_sender, node)
		if ok then
			skynet.send(sender, "lua", "push", address, payload)
		end
		return
	end
	local ok, msg, size = pcall(cluster.get_sender, node)
	if ok then
		local request = skynet.packstring("req", address, payload)
		ok, msg, size = pcall(skynet.rawcall, msg, "lua", request)
	end
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
