-- SPDX-License-Identifier: MIT
return { require = function() return { limit = 1 } end }
