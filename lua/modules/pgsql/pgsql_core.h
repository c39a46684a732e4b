/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

/* The module skynet.db.pgsql.core: makes tables of the rows that a PostgreSQL server sends. */
int luaopen_skynet_db_pgsql_core(lua_State *L);
