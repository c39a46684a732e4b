-- SPDX-License-Identifier: MIT
-- What an example prints goes to stdout behind the name of its service.
local name = ...

function print(...)
	local words = table.pack(...)
	for i = 1, words.n do
		words[i] = tostring(words[i])
	end
	io.stdout:write("print\t", name, "\t", table.concat(words, "\t"), "\n")
	io.stdout:flush()
end
