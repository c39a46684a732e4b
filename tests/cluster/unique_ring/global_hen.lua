-- SPDX-License-Identifier: MIT
-- One in the whole cluster, that waits for itself.
local skynet = require "skynet"
skynet.start(function() skynet.uniqueservice(true, "global_hen") end)
