-- SPDX-License-Identifier: MIT
-- snax.find: where the script of a snax service is.
local loadfile = require "skynet.codecache".loadfile

-- find(path, name, env) -> chunk, pattern: loads the script from the first of the patterns ("?"
-- stands for the name, ";" is between them) where it can be loaded; its globals are in env. Raises
-- what every place said.
return function(path, name, env)
	local failures = {}
	local file = name:gsub("%%", "%%%%")
	for pattern in path:gmatch "[^;]+" do
		local chunk, why = loadfile((pattern:gsub("%?", file)))
		if chunk then
			debug.setupvalue(chunk, 1, env)
			return chunk, pattern
		end
		failures[#failures + 1] = why
	end
	error(table.concat(failures, "\n"), 0)
end
