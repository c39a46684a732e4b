-- SPDX-License-Identifier: MIT
require("skynet").start(function() end)
