-- SPDX-License-Identifier: MIT
local version = ...
return {
	version = version,
	swords = { { name = "short", damage = 5 * version },
		{ name = "long", damage = 9 * version } },
	shop = version == 1 and { open = true } or nil,
}
