-- SPDX-License-Identifier: MIT
-- skynet.cluster.senders: which service carries this service's requests to a node: its
-- clustersender, or a federationrelay. clusterd knows, and is asked once.
--
-- Until it has answered, calls and sends wait in one line, so a caller's messages leave in the
-- order in which it made them. A sender that has ended, because somebody killed it, is told to
-- clusterd, which starts another.
local skynet = require "skynet"

local senders = {}

local clusterd
skynet.init(function()
	clusterd = skynet.uniqueservice "clusterd"
end)

local known = {} -- node -> handle
local ended = {} -- node -> handle of one that has ended, until clusterd knows
local lines = {} -- node -> tokens of those who wait for the handle, first come first

local function ask_for(node, line)
	local ok, sender, why = pcall(skynet.call, clusterd, "lua", "sender", node, ended[node])
	if ok then
		known[node], ended[node] = sender, nil
	else
		sender, why = nil, tostring(sender)
	end
	lines[node] = nil
	for _, token in ipairs(line) do
		token.sender, token.why, token.ready = sender, why, true
		skynet.wakeup(token)
	end
end

-- The handle, or nil: it is not known, or others wait for it.
function senders.now(node)
	return not lines[node] and known[node] or nil
end

-- A place in the line of the node.
function senders.queue(node)
	local line = lines[node]
	if not line then
		line = {}
		lines[node] = line
		skynet.fork(ask_for, node, line)
	end
	local token = {}
	line[#line + 1] = token
	return token
end

-- Yields until the turn of this place has come; ti centiseconds at most. The handle, or nil and why
-- there is none.
function senders.await(token, ti)
	if not token.ready then
		if not ti then
			skynet.wait(token)
		elseif skynet.sleep(ti, token) ~= "BREAK" then
			error("call failed: timeout", 0)
		end
	end
	return token.sender, token.why
end

-- The handle; yields if it is not known yet. Raises why there is none.
function senders.of(node, ti)
	local sender = senders.now(node)
	if sender then
		return sender
	end
	skynet.checkwait()
	local why
	sender, why = senders.await(senders.queue(node), ti)
	if not sender then
		-- the text of the original, and the reason
		error(("dest address type (nil) must be a string or number. (%s)"):format(why), 0)
	end
	return sender
end

-- What a call of that sender raised: whether it has ended, so that the call never reached it. The
-- next one is another.
function senders.has_ended(node, sender, why)
	if type(why) ~= "string" or not why:find "^call to invalid address" then
		return false
	end
	senders.forget(node, sender)
	return true
end

-- The sender has ended.
function senders.forget(node, sender)
	if known[node] == sender then
		known[node], ended[node] = nil, sender
	end
end

return senders
