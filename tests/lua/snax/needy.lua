-- SPDX-License-Identifier: MIT
local lib = require "lib"
local limit = lib.limit + 1   -- needs an environment whose require returns something

function response.f() return limit end
