-- SPDX-License-Identifier: MIT
-- ltls_holder: there on nodes whose configuration has enablessl. It keeps TLS loaded, so a node
-- without OpenSSL says so when it starts, and not with the first connection.
local skynet = require "skynet"
local init = require "ltls.init.c"
require "ltls.c"

skynet.start(function()
	init.constructor()
end)
