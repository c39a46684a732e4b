/* SPDX-License-Identifier: MIT */
#pragma once
#include <lua.h>

/* The module skynet.db.mysql.core: makes tables of the rows that a MySQL server sends. */
int luaopen_skynet_db_mysql_core(lua_State *L);
