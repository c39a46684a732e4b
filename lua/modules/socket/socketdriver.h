/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The module skynet.socketdriver: sockets as Lua services see them.
 */
#include <lua.h>

/* The module. */
int luaopen_skynet_socketdriver(lua_State *L);

/* Before the first service is launched: the host hears what becomes of the bytes that a message
 * brought. */
void socketdriver_init(void);
