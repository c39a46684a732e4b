/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

/* skynet.db.redis.core: requests and replies of RESP2 as bytes, and the slots of a cluster. */
int luaopen_skynet_db_redis_core(lua_State *L);
