/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * How shared tables are published.
 *
 * Threads: the worker that runs the service.
 */
#include <lua.h>

/* publish(name, table, plain, only_new): the number of the version, 0: only_new, and there is
 * one. */
int sharetable_publish(lua_State *L);
/* load(name, file or nil, source, ...): publishes what the chunk returns. */
int sharetable_load(lua_State *L);
