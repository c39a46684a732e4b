/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A yield by return: what runs between a task and its lua_resume returns, one after the other.
 *
 * lua_yieldk jumps over them. Then the processor, which predicts where functions return to by the
 * calls that it has seen, is wrong at each return of the host until the worker's own loop. Who
 * yields by return costs one look at the state after each call of a C function.
 *
 * Threads: the state's.
 */
#include <lua.h>

/* As lua_yieldk, for a C function that returns at once what this returns. Where the function was
 * not called by Lua code that lua_resume runs with no other C in between, it jumps as well. */
int vm_yield(lua_State *L, int nresults, lua_KContext ctx, lua_KFunction k);
