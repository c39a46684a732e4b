-- SPDX-License-Identifier: MIT
-- Cost of remote calls as links grow: this node of x nodes calls all others in turn, 64 calls under
-- way; y = calls a second, and one call at a time in us. The others run links_peer.
local skynet = require "skynet"
local harbor = require "skynet.harbor"
local C = require "lib_curve"
local nodes = tonumber((...))

C.start(function()
	local t, peers = C.now(), {}
	for i = 2, nodes do peers[#peers + 1] = harbor.queryname("PEER" .. i) end
	for _, p in ipairs(peers) do skynet.call(p, "lua", 0) end
	C.row("links.ready_s", nodes, C.now() - t)
	C.row("links.rss_mib", nodes, C.rss_kib() / 1024)
	for _ = 1, 3 do
		local per = 2000
		t = C.now()
		C.parallel(64, function(k)
			for i = 1, per do skynet.call(peers[(i + k) % #peers + 1], "lua", i) end
		end)
		C.row("links.calls_per_s", nodes, 64 * per / (C.now() - t))
		t = C.now()
		for i = 1, 5000 do skynet.call(peers[i % #peers + 1], "lua", i) end
		C.row("links.sequential_us", nodes, (C.now() - t) * 1e6 / 5000)
	end
	local c = C.cpu_ns()
	skynet.sleep(200)
	C.row("links.idle_cpu_permille", nodes, (C.cpu_ns() - c) / 2e9 * 1000)
end)
