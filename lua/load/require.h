/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The global function `require` of a service, and the library `package` behind it.
 *
 * Threads: require_init before the first service; else the worker that runs the service.
 */
#include <lua.h>

/* Before the first service is launched: opens the way to `package` and from the skynet table to
 * require. */
void require_init(void);
/* Sets the global function in a new state. */
void require_open(lua_State *L);
