local skynet = require "skynet"

skynet.start(function()
	skynet.dispatch("lua", function(_, _, ...)
		local said = {}
		for i, name in ipairs { ... } do
			local ok, m = pcall(require, name)
			said[i] = ok and (type(m) == "table" and m.marked or "well") or m
		end
		skynet.retpack(table.concat(said, " "))
	end)
end)
