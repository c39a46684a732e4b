-- SPDX-License-Identifier: MIT
return require "skynet.db.redis"
