-- SPDX-License-Identifier: MIT
local snax = require "skynet.snax"
local n

function init(from)
	n = from
	snax.enablecluster()
end

function accept.add(more) n = n + more end
function response.get(...) return n, ... end
function response.fail() error "on purpose" end
