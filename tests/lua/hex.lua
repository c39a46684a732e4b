-- SPDX-License-Identifier: MIT
-- Bytes as text, for tests of wire formats.
local hex = {}

-- "01 ff" -> its bytes; blanks anywhere.
function hex.bytes(text)
	return (text:gsub("%s+", ""):gsub("%x%x",
		function(pair) return string.char(tonumber(pair, 16)) end))
end

-- The bytes as "01ff".
function hex.of(bytes)
	return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

return hex
