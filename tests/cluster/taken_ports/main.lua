-- SPDX-License-Identifier: MIT
-- A start service that does nothing.
require "skynet".start(function() end)
