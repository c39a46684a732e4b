-- SPDX-License-Identifier: MIT
function init()
	err()
end
