/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The `skynet` table, with the functions of api.def.
 *
 * Threads: skynet_use_require before the first service; else the worker that runs the service.
 */
#include <lua.h>
#include <stddef.h>

/* Parts of the table are Lua modules: push_require pushes the function that loads them, Lua's own
 * require. */
void skynet_use_require(void (*push_require)(lua_State *L));
/* The names that the table knows, from 0 on; NULL behind the last. Any thread. */
const char *skynet_known_field(size_t i);
/* The module skynet. Every state has it. */
int luaopen_skynet(lua_State *L);
