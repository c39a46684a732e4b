-- SPDX-License-Identifier: MIT
local skynet = require "skynet"
skynet.start(function() end)
