-- SPDX-License-Identifier: MIT
return { greet = function(area) return "welcome to " .. tostring(area) end }
