/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The module skynet.multicast.core: one payload for many services.
 */
#include <lua.h>

/* The module. */
int luaopen_skynet_multicast_core(lua_State *L);

/* Before the first service is launched: what becomes of such a payload that nobody gets. */
void multicast_init(void);
