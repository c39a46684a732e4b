-- SPDX-License-Identifier: MIT
-- What an example prints goes to stdout behind the name of its service.
local name = ...

function print(...)
	local words = table.pack(...)
	for i = 1, words.n do
		words[i] = tostring(words[i])
	end
	-- in one piece, for services write at the same time
	io.stdout:write(("print\t%s\t%s\n"):format(name, table.concat(words, "\t")))
	io.stdout:flush()
end
