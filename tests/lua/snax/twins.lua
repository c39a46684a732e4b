-- SPDX-License-Identifier: MIT
local function counter()
	local n = 0
	return function() n = n + 1 return n end
end
local a, b = counter(), counter()

function response.a() return a() end
function response.b() return b() end
